// SPDX-License-Identifier: Apache-2.0
// Whose files the guest makes, and what writing takes away from a file's privileges. Needs root, as serving
// a guest with several users does.
#include "tests/fs/passthrough_fixture.h"

#include <linux/capability.h>
#include <sys/fsuid.h>
#include <sys/syscall.h>
#include <sys/xattr.h>

#include <grp.h>

#include <thread>

#include "base/bytes.h"

namespace krun::test {

using abi::Opcode;

class Ownership : public HostTree {
protected:
    void SetUp() override {
        if (::getuid() != 0) GTEST_SKIP() << "skipped: needs root";
        ASSERT_EQ(::chmod((outside_ / "export").c_str(), 0755), 0);
        serve();
    }
    uint64_t make(std::string const& name, uint32_t mode) {
        return client_->note(client_->send(Opcode::kCreate, 1, args(abi::CreateIn{O_RDWR, mode, 0, 0}, name)))
            .as<abi::EntryOut>()
            .nodeid;
    }
    void act_as(uint32_t uid, uint32_t gid) {
        client_->uid = uid;
        client_->gid = gid;
    }
};

static uint64_t effective_capabilities() {
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    __user_cap_data_struct data[2]{};
    ::syscall(SYS_capget, &header, data);
    return data[0].effective | uint64_t{data[1].effective} << 32;
}

TEST_F(Ownership, NewFilesBelongToTheCaller) {
    act_as(1234, 5678);
    make("file", 0640);
    send(Opcode::kMkdir, 1, args(abi::MkdirIn{0750, 0}, "dir"));
    send(Opcode::kMknod, 1, args(abi::MknodIn{S_IFIFO | 0600, 0, 0, 0}, "fifo"));
    send(Opcode::kSymlink, 1, args("link", "target"));
    for (char const* name : {"file", "dir", "fifo", "link"}) {
        EXPECT_EQ(host_stat(name).st_uid, 1234u) << name;
        EXPECT_EQ(host_stat(name).st_gid, 5678u) << name;
    }
    EXPECT_EQ(host_stat("file").st_mode & 07777, 0640u);
    EXPECT_EQ(host_stat("dir").st_mode & 07777, 0750u);
}

TEST_F(Ownership, TheGuestsUmaskCountsAndTheServersDoesNot) {
    send(Opcode::kMkdir, 1, args(abi::MkdirIn{0777, 027}, "dir"));
    send(Opcode::kCreate, 1, args(abi::CreateIn{O_RDWR, 0666, 0, 0}, "file"));
    EXPECT_EQ(host_stat("dir").st_mode & 07777, 0750u);
    EXPECT_EQ(host_stat("file").st_mode & 07777, 0666u);
}

// The directory is closed to the caller on the host: in the guest it may be open through a group the host
// does not know of, and it is the guest's kernel that decides.
TEST_F(Ownership, PermissionsAreTheGuestKernelsDecision) {
    act_as(1234, 5678);
    EXPECT_NE(make("file", 0600), 0u);
    EXPECT_EQ(host_stat("file").st_uid, 1234u);
}

TEST_F(Ownership, TheThreadIsItselfAgainAfterwards) {
    auto const before = effective_capabilities();
    act_as(1234, 5678);
    make("file", 0600);
    EXPECT_EQ(::setfsuid(static_cast<uid_t>(-1)), 0);
    EXPECT_EQ(::setfsgid(static_cast<gid_t>(-1)), 0);
    EXPECT_EQ(effective_capabilities(), before);
    act_as(0, 0);
    make("roots", 0600);
    EXPECT_EQ(host_stat("roots").st_uid, 0u);
}

TEST_F(Ownership, OtherThreadsStayThemselves) {
    // Many creations as somebody else, while this thread creates as root: none may get the other's owner.
    std::jthread other([&] {
        for (int i = 0; i < 200; ++i) {
            abi::CreateIn const in{O_RDWR, 0600, 0, 0};
            auto const body = args(in, "theirs" + std::to_string(i));
            auto header = client_->header(Opcode::kCreate, 1, body.size());
            header.uid = 1234;
            header.gid = 5678;
            auto request = args(header, body);
            Bytes space(512);
            iovec const from{request.data(), request.size()};
            iovec const to{space.data(), space.size()};
            client_->server.serve({&from, 1}, {&to, 1});
        }
    });
    for (int i = 0; i < 200; ++i) make("ours" + std::to_string(i), 0600);
    other.join();
    for (int i = 0; i < 200; ++i) {
        EXPECT_EQ(host_stat("ours" + std::to_string(i)).st_uid, 0u);
        EXPECT_EQ(host_stat("theirs" + std::to_string(i)).st_uid, 1234u);
    }
}

TEST_F(Ownership, SetgidDirectoriesGiveTheirGroupButNotTheirPrivilege) {
    ASSERT_EQ(::mkdir(at("sgid").c_str(), 0755), 0);
    ASSERT_EQ(::chown(at("sgid").c_str(), 0, 77), 0);
    ASSERT_EQ(::chmod(at("sgid").c_str(), 02777), 0);
    act_as(1234, 5678);
    auto const dir = client_->lookup(1, "sgid");
    EXPECT_EQ(send(Opcode::kCreate, dir, args(abi::CreateIn{O_RDWR, 02755, 0, 0}, "f")), 0);
    EXPECT_EQ(host_stat("sgid/f").st_gid, 77u);
    EXPECT_EQ(host_stat("sgid/f").st_mode & S_ISGID, 0u);  // the caller is not in group 77
}

TEST_F(Ownership, SupplementaryGroupsOfTheServerAreGivenUp) {
    std::thread([&] {
        gid_t const groups[] = {77, 78};
        ASSERT_EQ(::syscall(SYS_setgroups, 2, groups), 0);  // this thread alone
        act_as(1234, 5678);
        make("f", 0600);
        EXPECT_EQ(::syscall(SYS_getgroups, 0, nullptr), 0);
    }).join();
}

// ---- privileges of files that change ----

class KillPrivileges : public Ownership {
protected:
    void SetUp() override {
        Ownership::SetUp();
        if (IsSkipped()) return;
        write("f", "12345678");
        node_ = client_->lookup(1, "f");
        fh_ = client_->open(node_, O_RDWR);
        arm();
    }
    void arm() const { ASSERT_EQ(::chmod(at("f").c_str(), 06755), 0); }
    uint32_t bits() const { return host_stat("f").st_mode & 06000; }

    uint64_t node_ = 0;
    uint64_t fh_ = 0;
};

TEST_F(KillPrivileges, AWriteClearsThemWhenTheGuestAsks) {
    client_->write(node_, fh_, 0, "x");
    EXPECT_EQ(bits(), 06000u);  // a privileged writer keeps them
    client_->write(node_, fh_, 0, "x", abi::kWriteKillSuidgid);
    EXPECT_EQ(client_->error, 0);
    EXPECT_EQ(bits(), 0u);
}

TEST_F(KillPrivileges, ATruncationClearsThemWhenTheGuestAsks) {
    abi::SetattrIn in{};
    in.valid = abi::kSetSize | abi::kSetKillSuidgid;
    EXPECT_EQ(send(Opcode::kSetattr, node_, args(in)), 0);
    EXPECT_EQ(bits(), 0u);
    arm();
    client_->open(node_, O_WRONLY | O_TRUNC, abi::kOpenKillSuidgid);
    EXPECT_EQ(client_->error, 0);
    EXPECT_EQ(bits(), 0u);
}

TEST_F(KillPrivileges, SetgidWithoutGroupExecutionIsNone) {
    ASSERT_EQ(::chown(at("f").c_str(), 0, 77), 0);  // not the server's own group
    ASSERT_EQ(::chmod(at("f").c_str(), 02767), 0);
    client_->write(node_, fh_, 0, "x", abi::kWriteKillSuidgid);
    EXPECT_EQ(send(Opcode::kFallocate, node_, args(abi::FallocateIn{fh_, 0, 4096, 0, 0})), 0);
    EXPECT_EQ(bits(), 02000u);
}

TEST_F(KillPrivileges, ChownFallocateAndCopyAlwaysClearThem) {
    abi::SetattrIn in{};
    in.valid = abi::kSetUid;
    in.uid = 1;
    EXPECT_EQ(send(Opcode::kSetattr, node_, args(in)), 0);
    EXPECT_EQ(bits(), 0u);
    arm();
    EXPECT_EQ(send(Opcode::kFallocate, node_, args(abi::FallocateIn{fh_, 0, 4096, 0, 0})), 0);
    EXPECT_EQ(bits(), 0u);
    arm();
    write("source", "source");
    auto const source = client_->lookup(1, "source");
    auto const in_fh = client_->open(source, O_RDONLY);
    EXPECT_EQ(send(Opcode::kCopyFileRange, source, args(abi::CopyFileRangeIn{in_fh, 0, node_, fh_, 0, 6, 0})),
              0);
    EXPECT_EQ(bits(), 0u);
}

TEST_F(KillPrivileges, OwnerAndModeInOneRequestEndWithThatMode) {
    abi::SetattrIn in{};
    in.valid = abi::kSetUid | abi::kSetMode;
    in.uid = 1;
    in.mode = 04711;
    EXPECT_EQ(send(Opcode::kSetattr, node_, args(in)), 0);
    EXPECT_EQ(host_stat("f").st_mode & 07777, 04711u);
}

TEST_F(KillPrivileges, FileCapabilitiesEndWithAWrite) {
    // VFS_CAP_REVISION_2 with cap_net_raw permitted.
    ByteWriter cap;
    cap.put(uint32_t{0x02000000}).put(uint32_t{1u << CAP_NET_RAW}).put(uint32_t{0}).put(uint64_t{0});
    EXPECT_EQ(send(Opcode::kSetxattr, node_,
                   args(abi::SetxattrIn{20, 0, 0, 0}, "security.capability", std::move(cap).take())),
              0);
    ASSERT_EQ(::getxattr(at("f").c_str(), "security.capability", nullptr, 0), 20);
    client_->write(node_, fh_, 0, "x", abi::kWriteKillSuidgid);
    EXPECT_LT(::getxattr(at("f").c_str(), "security.capability", nullptr, 0), 0);
}

}  // namespace krun::test
