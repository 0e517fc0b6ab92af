// SPDX-License-Identifier: Apache-2.0
// V-02: read-only. V-03, V-13: virtual names. V-04, V-05, V-07, V-12: names that change behind the server's
// back. V-06, V-08, V-25: what is never opened, exported or entered.
#include <fcntl.h>
#include <linux/fs.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>

#include "base/fd.h"
#include "tests/rawfuse/raw_guest.h"
#include "tests/support/guest_driver.h"

namespace krun::test {
namespace {

abi::SetattrIn setattr(uint32_t valid) {
    abi::SetattrIn in{};
    in.valid = valid;
    in.mode = 0777;
    return in;
}

}  // namespace

using V02 = RawGuest;

TEST_F(V02, EachWayToWriteAReadOnlyTreeIsErofs) {
    auto const ro = walk("ro"), file = walk("ro/file"), rw = walk("rw"), mine = walk("rw/file");
    auto const fh = open(file, O_RDONLY), from = open(mine, O_RDONLY);
    auto const before = std::filesystem::last_write_time(at("ro/file"));
    std::set<int> const erofs{EROFS};
    for (uint32_t bit = 0; bit < 12; ++bit)
        expect("SETATTR " + std::to_string(bit), Opcode::kSetattr, file, args(setattr(1u << bit)), erofs);
    for (int const flags :
         {O_WRONLY, O_RDWR, O_RDONLY | O_TRUNC, O_WRONLY | O_APPEND, O_RDWR | O_CREAT, O_ACCMODE})
        expect("OPEN", Opcode::kOpen, file, args(abi::OpenIn{static_cast<uint32_t>(flags), 0}), erofs);
    for (uint64_t const handle : {fh, uint64_t{0}, UINT64_MAX}) {
        expect("WRITE", write(file, handle, 0, "x"), erofs);
        expect("FALLOCATE", Opcode::kFallocate, file, args(abi::FallocateIn{handle, 0, 1, 0, 0}), erofs);
        expect("COPY_FILE_RANGE", Opcode::kCopyFileRange, mine,
               args(abi::CopyFileRangeIn{from, 0, file, handle, 0, 1, 0}), erofs);
    }
    for (uint64_t const dir : {ro, walk("ro/dir")}) {
        expect("SYMLINK", Opcode::kSymlink, dir, args("n", "t"), erofs);
        expect("MKNOD", Opcode::kMknod, dir, args(abi::MknodIn{S_IFREG | 0644, 0, 0, 0}, "n"), erofs);
        expect("MKDIR", Opcode::kMkdir, dir, args(abi::MkdirIn{0755, 0}, "n"), erofs);
        expect("CREATE", Opcode::kCreate, dir, args(abi::CreateIn{O_RDONLY, 0644, 0, 0}, "n"), erofs);
        expect("TMPFILE", Opcode::kTmpfile, dir, args(abi::CreateIn{O_RDWR, 0644, 0, 0}, "n"), erofs);
        expect("UNLINK", Opcode::kUnlink, dir, args("file"), erofs);
        expect("RMDIR", Opcode::kRmdir, dir, args("dir"), erofs);
        expect("LINK", Opcode::kLink, dir, args(abi::LinkIn{file}, "n"), erofs);
        expect("LINK from elsewhere", Opcode::kLink, dir, args(abi::LinkIn{mine}, "n"), erofs);
        expect("RENAME in", Opcode::kRename, rw, args(abi::RenameIn{dir}, "file", "n"), erofs);
        expect("RENAME out", Opcode::kRename, dir, args(abi::RenameIn{rw}, "file", "n"), erofs);
        for (uint32_t const flags : {0u, 1u, 2u, 4u, UINT32_MAX}) {
            expect("RENAME2", Opcode::kRename2, dir, args(abi::Rename2In{dir, flags, 0}, "file", "n"), erofs);
            expect("RENAME2 in", Opcode::kRename2, rw, args(abi::Rename2In{dir, flags, 0}, "file", "n"),
                   erofs);
        }
        expect("SETXATTR", Opcode::kSetxattr, dir, args(abi::SetxattrIn{1, 0, 0, 0}, "user.x", Bytes(1)),
               erofs);
        expect("REMOVEXATTR", Opcode::kRemovexattr, dir, args("user.x"), erofs);
    }
    for (uint32_t const ioctl : {uint32_t{FS_IOC_SETFLAGS}, uint32_t{FS_IOC_FSSETXATTR}})
        expect("IOCTL", Opcode::kIoctl, file, args(abi::IoctlIn{fh, 0, ioctl, 0, 28, 0}, Bytes(28)), erofs);
    EXPECT_EQ(read(file, fh).text(), "content");
    EXPECT_EQ(std::filesystem::last_write_time(at("ro/file")), before);
    EXPECT_GE(cases, 70);
}

using V03 = RawGuest;

TEST_F(V03, WhatTheServerHoldsInMemoryIsWhatEveryMachineSees) {
    auto const node = walk("virtual");
    for (int const flags : {O_WRONLY, O_RDWR, O_RDONLY | O_TRUNC})
        expect("OPEN", Opcode::kOpen, node, args(abi::OpenIn{static_cast<uint32_t>(flags), 0}),
               {EACCES, EPERM, EROFS});
    auto const fh = open(node, O_RDONLY);
    expect("WRITE", write(node, fh, 0, "scribble"), {EBADF, EPERM, EROFS, EACCES});
    expect("SETATTR", Opcode::kSetattr, node, args(setattr(abi::kSetSize)), {EPERM, EROFS, EACCES});
    expect("SETXATTR", Opcode::kSetxattr, node, args(abi::SetxattrIn{1, 0, 0, 0}, "user.x", Bytes(1)),
           {EPERM, EOPNOTSUPP, EROFS});
    expect("FALLOCATE", Opcode::kFallocate, node, args(abi::FallocateIn{fh, 0, 1, 0, 0}),
           {EPERM, EBADF, EOPNOTSUPP, EROFS, ENODEV});
    restart();
    auto const again = walk("virtual");
    EXPECT_EQ(read(again, open(again, O_RDONLY)).text(), "virtual");
    EXPECT_GE(cases, 7);
}

using V13 = RawGuest;

TEST_F(V13, AVirtualNameIsNeitherReplacedNorRemovedNorLinked) {
    outside_.write("export/rw/added", "the host's own");
    auto const rw = walk("rw"), added = walk("rw/added"), file = walk("rw/file");
    std::set<int> const no{EEXIST, EPERM};
    expect("CREATE", Opcode::kCreate, rw, args(abi::CreateIn{O_RDWR | O_EXCL, 0644, 0, 0}, "added"), no);
    expect("MKNOD", Opcode::kMknod, rw, args(abi::MknodIn{S_IFREG | 0644, 0, 0, 0}, "added"), no);
    expect("MKDIR", Opcode::kMkdir, rw, args(abi::MkdirIn{0755, 0}, "added"), no);
    expect("SYMLINK", Opcode::kSymlink, rw, args("added", "t"), no);
    expect("LINK over", Opcode::kLink, rw, args(abi::LinkIn{file}, "added"), no);
    expect("LINK of", Opcode::kLink, rw, args(abi::LinkIn{added}, "n"), {EPERM, EXDEV});
    expect("UNLINK", Opcode::kUnlink, rw, args("added"), no);
    expect("RMDIR", Opcode::kRmdir, rw, args("added"), no);
    expect("RENAME from", Opcode::kRename, rw, args(abi::RenameIn{rw}, "added", "n"), no);
    expect("RENAME onto", Opcode::kRename, rw, args(abi::RenameIn{rw}, "file", "added"), no);
    for (uint32_t const flags : {1u, 2u})
        expect("RENAME2 onto", Opcode::kRename2, rw, args(abi::Rename2In{rw, flags, 0}, "file", "added"), no);
    EXPECT_EQ(read_file(at("rw/added"), 100).value(), "the host's own");
    EXPECT_GE(cases, 12);
}

TEST_F(V13, ASecretIsReadOnce) {
    auto const secret = walk("secret");
    auto const fh = open(secret, O_RDONLY);
    EXPECT_EQ(read(secret, fh).text(), "secret");
    expect("its name", Opcode::kLookup, abi::kRootId, args("secret"), {ENOENT});
    expect("its node", Opcode::kOpen, secret, args(abi::OpenIn{}), {ENOENT, EACCES, ESTALE, EPERM});
    restart();
    expect("after a reset", Opcode::kLookup, abi::kRootId, args("secret"), {ENOENT});
}

// A directory of the tree becomes a link to the canaries, while the guest holds nodes in it.
using V04 = RawGuest;

TEST_F(V04, DirectoriesThatBecameLinksLeadNowhere) {
    auto const dir = walk("rw/dir"), file = walk("rw/dir/file");
    ASSERT_EQ(::rename(at("rw/dir").c_str(), at("rw/away").c_str()), 0);
    outside_.link(canaries_->directory() + "/..", "export/rw/dir");
    expect("LOOKUP through it", Opcode::kLookup, walk("rw/dir"), args("canary-0"), {ENOTDIR});
    expect("CREATE in what was there", Opcode::kCreate, dir,
           args(abi::CreateIn{O_RDWR, 0644, 0, 0}, "canary-0"), {0, ESTALE});
    expect("truncate", Opcode::kSetattr, file, args(setattr(abi::kSetSize)), {0, ESTALE});
    expect("UNLINK", Opcode::kUnlink, dir, args("canary-1"), {ENOENT, ESTALE});
    EXPECT_GE(cases, 4);
}

using V05 = RawGuest;

TEST_F(V05, NothingIsRemovedThroughALink) {
    auto const rw = walk("rw");
    for (auto const* link : {"link-to-dir", "link-up", "link-to-file"}) {
        expect("RMDIR", Opcode::kRmdir, rw, args(link), {ENOTDIR});
        expect("RENAME over", Opcode::kRename, rw, args(abi::RenameIn{rw}, "file", link), {0});
        outside_.write("export/rw/file", "content");
    }
    expect("DESTROY", Opcode::kDestroy, abi::kRootId, {}, {0});
    EXPECT_GE(cases, 7);
}

using V06 = RawGuest;

TEST_F(V06, OnlyADirectoryOrAFileCanBeExported) {
    fs::NodeIds ids;
    auto const made = [&](std::string const& path) {
        auto fd = open_path(path, O_PATH | O_NOFOLLOW);
        if (!fd.ok()) return false;
        ++cases;
        return fs::Passthrough::make(std::move(fd).value(), fs::open_proc_self_fd().value(), {}, ids).ok();
    };
    for (auto const* kind : {"fifo", "null", "disk", "socket", "link-to-dir", "link-to-file"})
        EXPECT_FALSE(made(at("rw/" + std::string(kind)))) << kind;
    for (auto const* path : {"/proc", "/proc/self", "/proc/sys", "/sys", "/dev/null", "/proc/self/status"})
        EXPECT_FALSE(made(path)) << path;
    EXPECT_TRUE(made(at("rw/file")));
    EXPECT_TRUE(made(at("rw")));
    EXPECT_GE(cases, 10);
}

// The guest's file is gone, and its directory is a link to the canaries.
using V07 = RawGuest;

TEST_F(V07, AnUnlinkedFileStaysItselfWhateverTakesItsPlace) {
    for (size_t const cached_fds : {size_t{4096}, size_t{1}}) {
        options.max_cached_fds = cached_fds;
        serve();
        outside_.make_dir("export/rw/d");
        outside_.write("export/rw/d/canary-0", "mine");
        auto const dir = walk("rw/d"), node = walk("rw/d/canary-0");
        auto const fh = open(node, O_RDWR);
        expect("UNLINK", Opcode::kUnlink, dir, args("canary-0"), {0});
        ASSERT_EQ(::rename(at("rw/d").c_str(), at("rw/d-away").c_str()), 0);
        outside_.link("../../canaries", "export/rw/d");
        std::set<int> const itself{0, ESTALE};
        expect("GETATTR", Opcode::kGetattr, node, args(abi::GetattrIn{}), itself);
        expect("SETATTR", Opcode::kSetattr, node, args(setattr(abi::kSetMode | abi::kSetSize)), itself);
        expect("SETXATTR", Opcode::kSetxattr, node, args(abi::SetxattrIn{1, 0, 0, 0}, "user.x", Bytes(1)),
               {0, ESTALE, EOPNOTSUPP});
        expect("OPEN", Opcode::kOpen, node, args(abi::OpenIn{O_RDWR, 0}), itself);
        expect("WRITE", write(node, fh, 0, "still mine"), {0});
        EXPECT_EQ(read(node, fh).text(), "still mine");
        std::filesystem::remove(at("rw/d"));
        std::filesystem::remove_all(at("rw/d-away"));
    }
    EXPECT_GE(cases, 12);
}

// The descriptors that the server had are given back; what it then finds under the name is another file.
TEST_F(V07, AFileThatTookAnothersNameIsNotTakenForIt) {
    options.max_cached_fds = 1;
    serve();
    auto const node = walk("rw/dir/file");
    outside_.write("export/rw/dir/other", "other");
    ASSERT_EQ(::rename(at("rw/dir/other").c_str(), at("rw/dir/file").c_str()), 0);
    walk("rw/file");
    open(walk("rw/file"), O_RDONLY);
    expect("GETATTR", Opcode::kGetattr, node, args(abi::GetattrIn{}), {ESTALE});
    expect("OPEN", Opcode::kOpen, node, args(abi::OpenIn{O_RDWR, 0}), {ESTALE});
}

using V08 = RawGuest;

TEST_F(V08, NothingButFilesAndDirectoriesIsOpened) {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root: device nodes";
    for (auto const* kind : {"null", "disk", "fifo", "socket"}) {
        auto const node = walk(std::string("rw/") + kind);
        std::string const what = kind;
        for (int const flags : {O_RDONLY, O_WRONLY, O_RDWR, O_RDONLY | O_TRUNC})
            expect(what + " OPEN", Opcode::kOpen, node, args(abi::OpenIn{static_cast<uint32_t>(flags), 0}),
                   {ENXIO});
        expect(what + " OPENDIR", Opcode::kOpendir, node, args(abi::OpenIn{}), {ENOTDIR});
        expect(what + " truncate", Opcode::kSetattr, node, args(setattr(abi::kSetSize)), {ENXIO});
        expect(what + " GETXATTR", Opcode::kGetxattr, node, args(abi::GetxattrIn{100, 0}, "user.x"),
               {ENODATA});
        expect(what + " SETXATTR", Opcode::kSetxattr, node,
               args(abi::SetxattrIn{1, 0, 0, 0}, "user.x", Bytes(1)), {EPERM});
        expect(what + " CREATE over it", Opcode::kCreate, walk("rw"),
               args(abi::CreateIn{O_RDWR, 0644, 0, 0}, kind), {ENXIO});
        expect(what + " IOCTL", Opcode::kIoctl, node, args(abi::IoctlIn{1, 0, FS_IOC_GETFLAGS, 0, 0, 4}),
               {ENOTTY, EBADF, EPERM, ENXIO, EOPNOTSUPP});
        expect(what + " LSEEK", Opcode::kLseek, node, args(abi::LseekIn{1, 0, SEEK_DATA, 0}), {EBADF});
    }
    EXPECT_GE(cases, 44);
}

// The name changes from a file's to a fifo's, with the file's number perhaps: the type is looked at again.
TEST_F(V08, AFifoInAFilesPlaceIsNotOpened) {
    options.max_cached_fds = 1;
    serve();
    for (int i = 0; i < 50; ++i) {
        outside_.write("export/rw/dir/turns", "a file");
        auto const node = walk("rw/dir/turns");
        std::filesystem::remove(at("rw/dir/turns"));
        ASSERT_EQ(::mkfifo(at("rw/dir/turns").c_str(), 0644), 0);
        expect("OPEN", Opcode::kOpen, node, args(abi::OpenIn{O_RDONLY, 0}), {ESTALE});
        send(Opcode::kForget, node, args(abi::ForgetIn{1}));
        std::filesystem::remove(at("rw/dir/turns"));
    }
    EXPECT_GE(cases, 50);
}

using V12 = RawGuest;

TEST_F(V12, ANameThatIsNowADirectoryNowALinkNeverLeadsOut) {
    auto const rw = walk("rw");
    outside_.make_dir("export/rw/turn");
    outside_.write("export/rw/turn/canary-0", "inside");
    ASSERT_EQ(::symlink((outside_ / "canaries").c_str(), at("rw/turn-link").c_str()), 0);
    pid_t const turner = ::fork();
    if (turner == 0)
        for (;;)
            ::renameat2(AT_FDCWD, at("rw/turn").c_str(), AT_FDCWD, at("rw/turn-link").c_str(),
                        RENAME_EXCHANGE);
    for (int i = 0; i < 2000; ++i) {
        auto const dir = lookup(rw, "turn");
        auto const found = send(Opcode::kLookup, dir, args("canary-0"));
        expect("LOOKUP", found, {0, ENOTDIR, ESTALE, ENOENT});
        if (found.error != 0) continue;
        auto const node = found.as<abi::EntryOut>().nodeid;
        auto const fh = open(node, O_RDWR);
        if (fh == 0) continue;
        EXPECT_EQ(read(node, fh).text(), "inside");
        send(Opcode::kRelease, node, args(abi::ReleaseIn{fh, 0, 0, 0}));
    }
    ::kill(turner, SIGKILL);
    ::waitpid(turner, nullptr, 0);
    EXPECT_GE(cases, 2000);
}

using V25 = RawGuest;

TEST_F(V25, AMountInTheTreeIsNotEntered) {
    if (::unshare(CLONE_NEWNS) != 0) GTEST_SKIP() << "needs root: a mount";
    ASSERT_EQ(::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr), 0);
    serve();
    auto const dir = at("rw/dir/deep");
    for (auto const* what : {"tmpfs", "canaries", "proc"}) {
        std::string const kind = what;
        int const mounted = kind == "canaries" ? ::mount((outside_ / "canaries").c_str(), dir.c_str(),
                                                         nullptr, MS_BIND, nullptr)
                                               : ::mount(what, dir.c_str(), what, 0, nullptr);
        ASSERT_EQ(mounted, 0);
        expect(kind, Opcode::kLookup, walk("rw/dir"), args("deep"), {EXDEV});
        // Where mounts are served, the host's kernel is not.
        options.submounts = fs::Submounts::kCross;
        serve();
        auto const entered = send(Opcode::kLookup, walk("rw/dir"), args("deep"));
        expect(kind + " where mounts are served", entered, {kind == "proc" ? EACCES : 0});
        EXPECT_EQ((entered.as<abi::EntryOut>().attr.flags & abi::kAttrSubmount) != 0, kind != "proc");
        options.submounts = fs::Submounts::kStay;
        serve();
        ASSERT_EQ(::umount2(dir.c_str(), MNT_DETACH), 0);
    }
    EXPECT_GE(cases, 6);
}

}  // namespace krun::test
