// SPDX-License-Identifier: Apache-2.0
// What a guest asks beyond stat(2): when a file was made, and the flags of lsattr(1).
#include <linux/fs.h>
#include <linux/stat.h>

#include "tests/fs/passthrough_fixture.h"

namespace krun::test {

using abi::Opcode;

TEST_F(HostTree, AFileTellsWhenItWasMade) {
    write("f", "12345");
    serve();
    auto const f = client_->lookup(1, "f");
    auto const reply = client_->note(client_->send(Opcode::kStatx, f, args(abi::StatxIn{}), 400));
    ASSERT_EQ(client_->error, 0);
    auto const stat = reply.as<abi::StatxOut>().stat;
    struct statx host {};
    ASSERT_EQ(::statx(AT_FDCWD, at("f").c_str(), 0, STATX_BASIC_STATS | STATX_BTIME, &host), 0);
    EXPECT_EQ(stat.mask & STATX_BTIME, host.stx_mask & STATX_BTIME);
    EXPECT_EQ(stat.mask & STATX_BASIC_STATS, unsigned{STATX_BASIC_STATS});
    EXPECT_EQ(stat.btime.sec, host.stx_btime.tv_sec);
    EXPECT_EQ(stat.btime.nsec, host.stx_btime.tv_nsec);
    EXPECT_EQ(stat.mtime.nsec, host.stx_mtime.tv_nsec);
    EXPECT_EQ(stat.size, 5u);
    EXPECT_EQ(stat.mode, host.stx_mode);
    EXPECT_EQ(stat.ino, host.stx_ino);
    EXPECT_EQ(send(Opcode::kStatx, f, args(abi::StatxIn{abi::kGetattrHandle, 0, 99, 0, 0})), EBADF);
}

class FileFlags : public HostTree {
protected:
    void SetUp() override {
        write("f", "x");
        serve();
        f_ = client_->lookup(1, "f");
    }
    int get(uint32_t& flags) {
        auto const reply = client_->note(
            client_->send(Opcode::kIoctl, f_, args(abi::IoctlIn{0, 0, FS_IOC_GETFLAGS, 0, 0, 4})));
        flags = reply.as<uint32_t>(sizeof(abi::IoctlOut));
        return client_->error;
    }
    int set(uint32_t flags) {
        return send(Opcode::kIoctl, f_, args(abi::IoctlIn{0, 0, FS_IOC_SETFLAGS, 0, 4, 0}, flags));
    }
    bool served() {
        uint32_t flags = 0;
        return get(flags) == 0;
    }
    uint64_t f_ = 0;
};

TEST_F(FileFlags, HintsAreReadAndSet) {
    uint32_t before = 0;
    if (get(before) != 0) GTEST_SKIP() << "skipped: no file flags on this file system";
    ASSERT_EQ(set(before | FS_NODUMP_FL), 0);
    uint32_t after = 0;
    EXPECT_EQ(get(after), 0);
    EXPECT_EQ(after, before | FS_NODUMP_FL);
    abi::IoctlIn const extended{0, 0, FS_IOC_FSGETXATTR, 0, 0, sizeof(fsxattr)};
    auto const reply = client_->send(Opcode::kIoctl, f_, args(extended));
    EXPECT_EQ(reply.body.size(), sizeof(abi::IoctlOut) + sizeof(fsxattr));
    EXPECT_NE(reply.as<fsxattr>(sizeof(abi::IoctlOut)).fsx_xflags & FS_XFLAG_NODUMP, 0u);
}

TEST_F(FileFlags, WhatTheHostsToolsCouldNotUndoIsRefused) {
    uint32_t before = 0;
    if (get(before) != 0) GTEST_SKIP() << "skipped: no file flags on this file system";
    for (uint32_t const flag : std::initializer_list<uint32_t>{
             FS_IMMUTABLE_FL, FS_APPEND_FL, FS_JOURNAL_DATA_FL, FS_PROJINHERIT_FL, 0x80000000u})
        EXPECT_EQ(set(before ^ flag), EPERM) << flag;
    abi::IoctlIn const get_extended{0, 0, FS_IOC_FSGETXATTR, 0, 0, sizeof(fsxattr)};
    auto wanted = client_->send(Opcode::kIoctl, f_, args(get_extended)).as<fsxattr>(sizeof(abi::IoctlOut));
    abi::IoctlIn const set_extended{0, 0, FS_IOC_FSSETXATTR, 0, sizeof(fsxattr), 0};
    EXPECT_EQ(send(Opcode::kIoctl, f_, args(set_extended, wanted)), 0);
    auto project = wanted;
    project.fsx_projid = 7;
    EXPECT_EQ(send(Opcode::kIoctl, f_, args(set_extended, project)), EPERM);
    auto immutable = wanted;
    immutable.fsx_xflags |= FS_XFLAG_IMMUTABLE;
    EXPECT_EQ(send(Opcode::kIoctl, f_, args(set_extended, immutable)), EPERM);
    EXPECT_FALSE(::unlink(at("f").c_str()));
}

TEST_F(FileFlags, DevicesAndLinksHaveNone) {
    ASSERT_EQ(::mkfifo(at("fifo").c_str(), 0600), 0);
    ASSERT_EQ(::symlink("f", at("link").c_str()), 0);
    for (char const* name : {"fifo", "link"}) {
        f_ = client_->lookup(1, name);
        EXPECT_FALSE(served()) << name;
        EXPECT_EQ(client_->error, ENOTTY) << name;
    }
}

}  // namespace krun::test
