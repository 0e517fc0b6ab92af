// SPDX-License-Identifier: Apache-2.0
// V-09, V-10: owners and set-id bits. V-11, V-14: bounds. V-21: flags and offsets. V-22: attribute names.
// V-26: locks. V-27 (a host that hangs) is FsWorker's: a request that waits keeps nobody else waiting. V-28:
// the host's errors.
#include <fcntl.h>
#include <grp.h>
#include <linux/falloc.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <filesystem>

#include "base/fd.h"
#include "tests/rawfuse/raw_guest.h"

namespace krun::test {
namespace {

size_t open_fds() {
    auto const all = std::filesystem::directory_iterator("/proc/self/fd");
    return static_cast<size_t>(std::distance(begin(all), end(all)));
}

mode_t mode_of(std::string const& path) {
    struct stat st {};
    EXPECT_EQ(::lstat(path.c_str(), &st), 0) << path;
    return st.st_mode;
}

}  // namespace

using V09 = RawGuest;

// CVE-2022-0358, CVE-2018-13405: a file that takes its group from the directory must not get setgid with it,
// unless the caller is in that group; and the server's own groups are not the caller's.
TEST_F(V09, SetgidIsNotGivenToWhoIsNotInTheGroup) {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root: other users";
    gid_t const foreign = 4711;
    ASSERT_EQ(::setgroups(1, &foreign), 0);
    outside_.make_dir("export/rw/shared");
    ASSERT_EQ(::chown(at("rw/shared").c_str(), 0, foreign), 0);
    ASSERT_EQ(::chmod(at("rw/shared").c_str(), 02777), 0);
    auto const dir = walk("rw/shared");
    uid = gid = 1000;
    expect("CREATE", Opcode::kCreate, dir, args(abi::CreateIn{O_RDWR, S_IFREG | 02755, 0, 0}, "c"), {0});
    expect("MKNOD", Opcode::kMknod, dir, args(abi::MknodIn{S_IFREG | 02755, 0, 0, 0}, "m"), {0});
    for (auto const* name : {"rw/shared/c", "rw/shared/m"}) {
        EXPECT_EQ(mode_of(at(name)) & S_ISGID, 0u) << name;
        struct stat st {};
        ASSERT_EQ(::stat(at(name).c_str(), &st), 0);
        EXPECT_EQ(st.st_uid, 1000u);
        EXPECT_EQ(st.st_gid, foreign);
    }
    ASSERT_EQ(::setgroups(0, nullptr), 0);
}

TEST_F(V09, WhatIsMadeBelongsToTheCaller) {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root: other users";
    ASSERT_EQ(::chmod(at("rw").c_str(), 0777), 0);
    auto const rw = walk("rw");
    uid = 1000, gid = 1001;
    expect("CREATE", Opcode::kCreate, rw, args(abi::CreateIn{O_RDWR, S_IFREG | 0644, 0, 0}, "c"), {0});
    expect("MKNOD", Opcode::kMknod, rw, args(abi::MknodIn{S_IFIFO | 0644, 0, 0, 0}, "m"), {0});
    expect("MKDIR", Opcode::kMkdir, rw, args(abi::MkdirIn{0755, 0}, "d"), {0});
    expect("SYMLINK", Opcode::kSymlink, rw, args("s", "t"), {0});
    for (auto const* name : {"rw/c", "rw/m", "rw/d", "rw/s"}) {
        struct stat st {};
        ASSERT_EQ(::lstat(at(name).c_str(), &st), 0);
        EXPECT_EQ(st.st_uid, 1000u) << name;
        EXPECT_EQ(st.st_gid, 1001u) << name;
    }
}

using V10 = RawGuest;

// CVE-2021-20263
TEST_F(V10, WritingTakesSetIdBitsAndCapabilitiesAway) {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root: file capabilities";
    auto const path = at("rw/file");
    // struct vfs_cap_data, version 2: CAP_CHOWN permitted.
    uint32_t const capability[5] = {0x02000000, 1, 0, 0, 0};
    auto const arm = [&] {
        ASSERT_EQ(::chmod(path.c_str(), 06755), 0);
        ASSERT_EQ(::setxattr(path.c_str(), "security.capability", capability, sizeof capability, 0), 0);
    };
    auto const disarmed = [&](char const* what) {
        EXPECT_EQ(mode_of(path) & 06000, 0u) << what;
        EXPECT_LT(::getxattr(path.c_str(), "security.capability", nullptr, 0), 0) << what;
    };
    auto const node = walk("rw/file");
    auto const fh = open(node, O_RDWR);
    arm();
    expect("WRITE", write(node, fh, 0, "x", abi::kWriteKillSuidgid), {0});
    disarmed("WRITE");
    arm();
    abi::SetattrIn in{};
    in.valid = abi::kSetSize | abi::kSetKillSuidgid;
    expect("truncate", Opcode::kSetattr, node, args(in), {0});
    disarmed("truncate");
    arm();
    in.valid = abi::kSetUid | abi::kSetGid;
    in.uid = in.gid = 1000;
    expect("chown", Opcode::kSetattr, node, args(in), {0});
    disarmed("chown");
    arm();
    expect("OPEN for truncation", Opcode::kOpen, node,
           args(abi::OpenIn{O_RDWR | O_TRUNC, abi::kOpenKillSuidgid}), {0});
    disarmed("OPEN");
}

using V11 = RawGuest;

TEST_F(V11, ManyFilesCostFewDescriptorsAndNoName) {
    for (int i = 0; i < 2000; ++i) outside_.write("export/rw/dir/n" + std::to_string(i), "x");
    options.max_cached_fds = 32;
    serve();
    auto const before = open_fds();
    auto const dir = walk("rw/dir");
    std::vector<uint64_t> nodes;
    for (int i = 0; i < 2000; ++i) nodes.push_back(lookup(dir, "n" + std::to_string(i)));
    for (uint64_t const node : nodes) {
        auto const fh = open(node, O_RDONLY);
        expect("READ", read(node, fh), {0});
        send(Opcode::kRelease, node, args(abi::ReleaseIn{fh, 0, 0, 0}));
    }
    EXPECT_LE(open_fds(), before + 33);
    for (uint64_t const node : nodes) send(Opcode::kForget, node, args(abi::ForgetIn{1}));
    EXPECT_EQ(rw_->node_count(), 2u);
    EXPECT_GE(cases, 2000);
}

TEST_F(V11, NodesAndHandlesHaveAnEnd) {
    options.max_nodes = 10;
    options.max_handles = 10;
    serve();
    for (int i = 0; i < 30; ++i) outside_.write("export/rw/n" + std::to_string(i), "x");
    auto const rw = walk("rw");
    int full = 0;
    for (int i = 0; i < 30; ++i)
        full += send(Opcode::kLookup, rw, args("n" + std::to_string(i))).error == ENFILE;
    EXPECT_EQ(full, 21);
    auto const node = walk("rw/n0");
    full = 0;
    for (int i = 0; i < 30; ++i) full += send(Opcode::kOpen, node, args(abi::OpenIn{})).error == ENFILE;
    EXPECT_EQ(full, 20);
}

using V14 = RawGuest;

TEST_F(V14, NothingIsLeftOfWhatWasUndoneOrFailed) {
    auto const rw = walk("rw"), file = walk("rw/file");
    auto const nodes = rw_->node_count();
    // The cache's own descriptors are opened by then.
    open(file, O_RDONLY);
    send(Opcode::kRelease, file, args(abi::ReleaseIn{1, 0, 0, 0}));
    restart();
    auto const again = walk("rw/file");
    send(Opcode::kRelease, again, args(abi::ReleaseIn{open(again, O_RDONLY), 0, 0, 0}));
    auto const fds = open_fds();
    for (int i = 0; i < 20'000; ++i) {
        lookup(rw, "file");
        send(Opcode::kForget, again, args(abi::ForgetIn{1}));
        auto const fh = open(again, O_RDONLY);
        send(Opcode::kRelease, again, args(abi::ReleaseIn{fh, 0, 0, 0}));
        auto const dh = send(Opcode::kOpendir, rw, args(abi::OpenIn{})).as<abi::OpenOut>().fh;
        send(Opcode::kReleasedir, rw, args(abi::ReleaseIn{dh, 0, 0, 0}));
        send(Opcode::kOpen, rw, args(abi::OpenIn{O_RDONLY, 0}));
        send(Opcode::kLookup, rw, args("no such name"));
        send(Opcode::kCreate, rw, args(abi::CreateIn{O_RDWR | O_EXCL, 0644, 0, 0}, "file"));
        ++cases;
    }
    EXPECT_EQ(open_fds(), fds);
    EXPECT_EQ(rw_->node_count(), nodes);
    EXPECT_EQ(rw_->handle_count(), 0u);
}

using V21 = RawGuest;

TEST_F(V21, FlagsThatAreNotForTheHostDoNotReachIt) {
    auto const node = walk("rw/file");
    for (int const flags : {O_APPEND, O_PATH, O_DIRECT, O_ASYNC, O_NONBLOCK, O_NOATIME, O_TMPFILE, O_CREAT,
                            O_EXCL, O_NOCTTY, O_DIRECTORY, O_CLOEXEC, ~(O_ACCMODE | O_TRUNC)}) {
        auto const opened =
            send(Opcode::kOpen, node, args(abi::OpenIn{static_cast<uint32_t>(flags | O_RDWR), 0}));
        expect("OPEN " + std::to_string(flags), opened, {0});
        // With O_APPEND on the host this would be the file's end, with O_PATH an error.
        expect("WRITE", write(node, opened.as<abi::OpenOut>().fh, 0, "CONTENT"), {0});
        EXPECT_EQ(read_file(at("rw/file"), 100).value(), "CONTENT") << flags;
    }
    EXPECT_GE(cases, 26);
}

TEST_F(V21, OffsetsAndModesOutsideTheirRangeAreRefused) {
    auto const node = walk("rw/file");
    auto const fh = open(node, O_RDWR);
    std::set<int> const refused{EINVAL, EFBIG, EOPNOTSUPP, ENOSYS};
    for (uint64_t const offset : {uint64_t{1} << 63, UINT64_MAX, UINT64_MAX - 1}) {
        expect("READ", read(node, fh, offset), {EINVAL});
        expect("WRITE", write(node, fh, offset, "x"), {EINVAL});
        expect("LSEEK", Opcode::kLseek, node, args(abi::LseekIn{fh, offset, SEEK_DATA, 0}), {EINVAL, ENXIO});
        expect("FALLOCATE", Opcode::kFallocate, node, args(abi::FallocateIn{fh, offset, 1, 0, 0}), {EINVAL});
        expect("COPY", Opcode::kCopyFileRange, node,
               args(abi::CopyFileRangeIn{fh, offset, node, fh, 0, 1, 0}), {EINVAL});
        abi::SetattrIn size{};
        size.valid = abi::kSetSize;
        size.size = offset;
        expect("truncate", Opcode::kSetattr, node, args(size), {EINVAL});
    }
    for (uint32_t const whence : {uint32_t{SEEK_SET}, uint32_t{SEEK_CUR}, uint32_t{SEEK_END}, 5u, 99u})
        expect("LSEEK", Opcode::kLseek, node, args(abi::LseekIn{fh, 0, whence, 0}), {EINVAL});
    for (uint32_t const mode : {1u << 30, UINT32_MAX, uint32_t{FALLOC_FL_PUNCH_HOLE}})
        expect("FALLOCATE", Opcode::kFallocate, node, args(abi::FallocateIn{fh, 0, 1, mode, 0}), refused);
    for (uint64_t const flags : {uint64_t{1}, UINT64_MAX})
        expect("COPY", Opcode::kCopyFileRange, node, args(abi::CopyFileRangeIn{fh, 0, node, fh, 0, 1, flags}),
               {EINVAL});
    for (uint32_t const flags : {8u, 3u, UINT32_MAX})
        expect("RENAME2", Opcode::kRename2, walk("rw"),
               args(abi::Rename2In{walk("rw"), flags, 0}, "file", "n"), {EINVAL});
    abi::SetattrIn times{};
    times.valid = abi::kSetMtime;
    for (uint32_t const ns : {1'000'000'000u, uint32_t{UTIME_NOW}, uint32_t{UTIME_OMIT}, UINT32_MAX}) {
        times.mtimensec = ns;
        expect("utimens", Opcode::kSetattr, node, args(times), {EINVAL});
    }
    EXPECT_GE(cases, 33);
}

TEST_F(V21, NobodyMakesNothing) {
    auto const rw = walk("rw");
    for (auto const& [who, group] : {std::pair{UINT32_MAX, 0u}, {0u, UINT32_MAX}, {UINT32_MAX, UINT32_MAX}}) {
        uid = who, gid = group;
        expect("CREATE", Opcode::kCreate, rw, args(abi::CreateIn{O_RDWR, 0644, 0, 0}, "n"), {EINVAL});
        expect("MKNOD", Opcode::kMknod, rw, args(abi::MknodIn{S_IFREG | 0644, 0, 0, 0}, "n"), {EINVAL});
        expect("MKDIR", Opcode::kMkdir, rw, args(abi::MkdirIn{0755, 0}, "n"), {EINVAL});
        expect("SYMLINK", Opcode::kSymlink, rw, args("n", "t"), {EINVAL});
        abi::SetattrIn owner{};
        owner.valid = who == UINT32_MAX ? abi::kSetUid : abi::kSetGid;
        owner.uid = owner.gid = UINT32_MAX;
        expect("chown", Opcode::kSetattr, walk("rw/file"), args(owner), {EINVAL});
    }
    EXPECT_GE(cases, 15);
}

TEST_F(V21, DeviceNodesAreNotMadeOnTheHost) {
    auto const rw = walk("rw");
    for (uint32_t const type : {uint32_t{S_IFCHR}, uint32_t{S_IFBLK}})
        for (uint32_t const device : {0x103u, 0x700u, UINT32_MAX})
            expect("MKNOD", Opcode::kMknod, rw, args(abi::MknodIn{type | 0666, device, 0, 0}, "n"), {EPERM});
    for (uint32_t const type : {0u, uint32_t{S_IFDIR}, uint32_t{S_IFLNK}, uint32_t{S_IFMT}, 0x3000u})
        expect("MKNOD", Opcode::kMknod, rw, args(abi::MknodIn{type | 0666, 0, 0, 0}, "n"), {EINVAL, EPERM});
    EXPECT_NE(::access(at("rw/n").c_str(), F_OK), 0);
    EXPECT_GE(cases, 11);
}

using V22 = RawGuest;

TEST_F(V22, TheHostsOwnAttributesAreNeitherReadNorSet) {
    auto const node = walk("rw/file");
    for (auto const* name :
         {"user.krun-oci.x", "user.krun-oci.trusted.overlay.opaque", "user.krun-oci.", "security.selinux",
          "security.ima", "security.evm", "security.apparmor", "system.nfs4_acl", "system.x", "user",
          "btrfs.compression", "x", "USER.x", "osx.x", "security.capabilit", "security.capability2"}) {
        expect(name, Opcode::kSetxattr, node, args(abi::SetxattrIn{1, 0, 0, 0}, name, Bytes(1)),
               {EOPNOTSUPP});
        expect(name, Opcode::kGetxattr, node, args(abi::GetxattrIn{100, 0}, name), {EOPNOTSUPP});
        expect(name, Opcode::kRemovexattr, node, args(name), {EOPNOTSUPP});
    }
    for (auto const& name : {std::string(), std::string(256, 'x'), "user." + std::string(255, 'x')}) {
        expect("length", Opcode::kSetxattr, node, args(abi::SetxattrIn{1, 0, 0, 0}, name, Bytes(1)),
               {ERANGE});
        expect("length", Opcode::kGetxattr, node, args(abi::GetxattrIn{100, 0}, name), {ERANGE});
        expect("length", Opcode::kRemovexattr, node, args(name), {ERANGE});
    }
    // These have the same names in the guest, and are stored under others.
    bool const planted = ::setxattr(at("rw/file").c_str(), "trusted.x", "host", 4, 0) == 0;
    expect("trusted.x", Opcode::kGetxattr, node, args(abi::GetxattrIn{100, 0}, "trusted.x"), {ENODATA});
    expect("trusted.x", Opcode::kRemovexattr, node, args("trusted.x"), {ENODATA});
    expect("trusted.x", Opcode::kSetxattr, node, args(abi::SetxattrIn{1, 0, 0, 0}, "trusted.x", Bytes(1)),
           {0, EOPNOTSUPP});
    if (planted) {
        EXPECT_EQ(::getxattr(at("rw/file").c_str(), "trusted.x", nullptr, 0), 4);
    }
    for (uint32_t const flags : {4u, 8u, UINT32_MAX})
        expect("flags", Opcode::kSetxattr, node, args(abi::SetxattrIn{1, flags, 0, 0}, "user.x", Bytes(1)),
               {EINVAL});
    EXPECT_GE(cases, 60);
}

using V26 = RawGuest;

TEST_F(V26, NoLockWaitsHere) {
    auto const node = walk("rw/file");
    auto const fh = open(node, O_RDWR);
    for (auto const opcode : {Opcode::kGetlk, Opcode::kSetlk, Opcode::kSetlkw})
        for (uint32_t const type : {uint32_t{F_RDLCK}, uint32_t{F_WRLCK}, uint32_t{F_UNLCK}, 99u})
            expect("lock", opcode, node,
                   args(fh, uint64_t{1}, uint64_t{0}, uint64_t{100}, type, 1u, uint64_t{0}), {ENOSYS});
    EXPECT_GE(cases, 12);
}

using V28 = RawGuest;

TEST_F(V28, ABudgetIsNotExceeded) {
    options.budget = fs::BudgetLimits{64 << 10, 4};
    serve();
    auto const rw = walk("rw");
    for (char const* name : {"a", "b", "c", "d"})
        expect("CREATE", Opcode::kMknod, rw, args(abi::MknodIn{S_IFREG | 0600, 0, 0, 0}, name), {0});
    expect("one more", Opcode::kMknod, rw, args(abi::MknodIn{S_IFREG | 0600, 0, 0, 0}, "e"), {ENOSPC});
    auto const node = walk("rw/a");
    auto const fh = open(node, O_RDWR);
    for (uint64_t at = 0; at < 256 << 10; at += 4096)
        expect("WRITE", write(node, fh, at, std::string(4096, 'x')), {0, ENOSPC});
    struct stat st {};
    ASSERT_EQ(::stat(at("rw/a").c_str(), &st), 0);
    EXPECT_LE(st.st_blocks * 512, 64 << 10);
    // A file that is gone by name only still takes its room.
    expect("UNLINK", Opcode::kUnlink, rw, args("a"), {0});
    send(Opcode::kForget, node, args(abi::ForgetIn{8}));
    auto const other = walk("rw/b");
    expect("WRITE", write(other, open(other, O_RDWR), 0, std::string(32 << 10, 'x')), {ENOSPC});
}

TEST_F(V28, TheHostsErrorsAreTheGuests) {
    if (::unshare(CLONE_NEWNS) != 0) GTEST_SKIP() << "needs root: a mount";
    ASSERT_EQ(::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr), 0);
    auto const full = at("rw/dir/deep");
    ASSERT_EQ(::mount("tmpfs", full.c_str(), "tmpfs", 0, "size=64k,nr_inodes=4"), 0);
    options.submounts = fs::Submounts::kCross;
    serve();
    auto const dir = walk("rw/dir/deep");
    auto const made = send(Opcode::kCreate, dir, args(abi::CreateIn{O_RDWR, 0644, 0, 0}, "f"));
    auto const node = made.as<abi::EntryOut>().nodeid;
    auto const fh = made.as<abi::OpenOut>(sizeof(abi::EntryOut)).fh;
    auto const some = write(node, fh, 0, std::string(100'000, 'x'));
    expect("WRITE beyond the end", some, {0});
    EXPECT_EQ(some.as<abi::WriteOut>().size, 65536u) << "a short write is told as one";
    expect("WRITE", write(node, fh, 65536, "x"), {ENOSPC});
    expect("FALLOCATE", Opcode::kFallocate, node, args(abi::FallocateIn{fh, 0, 1 << 20, 0, 0}), {ENOSPC});
    int refused = 0;
    for (int i = 0; i < 5; ++i)
        refused +=
            send(Opcode::kMkdir, dir, args(abi::MkdirIn{0755, 0}, "d" + std::to_string(i))).error == ENOSPC;
    EXPECT_EQ(refused, 3) << "four inodes: the root, the file, and two directories";
    serve();
    ASSERT_EQ(::mount(nullptr, full.c_str(), nullptr, MS_REMOUNT | MS_RDONLY, nullptr), 0);
    expect("CREATE", Opcode::kCreate, walk("rw/dir/deep"), args(abi::CreateIn{O_RDWR, 0644, 0, 0}, "g"),
           {EROFS});
    rig_.reset();
    device_.reset();
    ::umount2(full.c_str(), MNT_DETACH);
}

}  // namespace krun::test
