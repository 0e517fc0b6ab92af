// SPDX-License-Identifier: Apache-2.0
// Serving a host tree: what the guest does arrives, and only there.
#include "fs/passthrough/file_system_kind.h"
#include "tests/fs/passthrough_fixture.h"

#include <linux/falloc.h>
#include <sys/socket.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/xattr.h>

#include <chrono>
#include <random>
#include <set>
#include <thread>

namespace krun::test {

using abi::Opcode;

// ---- finding ----

TEST_F(HostTree, LookupTellsTheFilesAttributes) {
    write("f", "12345");
    ::chmod(at("f").c_str(), 0640);
    serve();
    auto const entry = client_->entry(Opcode::kLookup, 1, args("f"));
    auto const st = host_stat("f");
    EXPECT_EQ(entry.attr.size, 5u);
    EXPECT_EQ(entry.attr.mode, S_IFREG | 0640u);
    EXPECT_EQ(entry.attr.ino, st.st_ino);
    EXPECT_EQ(entry.attr.mtime, static_cast<uint64_t>(st.st_mtim.tv_sec));
    EXPECT_EQ(entry.generation, 0u);
}

TEST_F(HostTree, OneFileHasOneNodeUnderEachOfItsNames) {
    write("f", "x");
    ASSERT_EQ(::link(at("f").c_str(), at("g").c_str()), 0);
    serve();
    EXPECT_EQ(client_->lookup(1, "f"), client_->lookup(1, "g"));
}

TEST_F(HostTree, MissingNamesAreRememberedOnlyBySoleWriters) {
    serve();
    client_->lookup(1, "missing");
    EXPECT_EQ(client_->error, ENOENT);
    serve_as_sole_writer();
    auto const entry = client_->entry(Opcode::kLookup, 1, args("missing"));
    EXPECT_EQ(client_->error, 0);
    EXPECT_EQ(entry.nodeid, 0u);
    EXPECT_GT(entry.entry_valid, 3600u);
}

TEST_F(HostTree, CachingFollowsWhoElseWrites) {
    write("f", "x");
    serve();
    auto entry = client_->entry(Opcode::kLookup, 1, args("f"));
    EXPECT_EQ(entry.entry_valid, 1u);
    EXPECT_EQ(entry.attr_valid, 1u);
    client_->open(entry.nodeid, O_RDONLY);
    EXPECT_EQ(client_->last_open.open_flags & abi::kFopenKeepCache, 0u);
    serve_as_sole_writer();
    entry = client_->entry(Opcode::kLookup, 1, args("f"));
    EXPECT_GT(entry.entry_valid, 3600u);
    client_->open(entry.nodeid, O_RDONLY);
    EXPECT_NE(client_->last_open.open_flags & abi::kFopenKeepCache, 0u);
}

TEST_F(HostTree, AGuestKeepsTheDataOfAVisitedTreesFileThatIsAsItWasWhenItWasOpenedLast) {
    write("f", "text");
    serve_as_visited();
    auto const f = client_->entry(Opcode::kLookup, 1, args("f"));
    EXPECT_EQ(f.entry_valid, 1u);
    auto const keeps = [&] {
        client_->open(f.nodeid, O_RDONLY);
        return (client_->last_open.open_flags & abi::kFopenKeepCache) != 0;
    };
    // Longer than the clock of files stands still.
    auto const settle = [] { std::this_thread::sleep_for(std::chrono::milliseconds(30)); };
    settle();
    EXPECT_FALSE(keeps());  // nothing is known of what the guest has
    EXPECT_TRUE(keeps());
    write("f", "TEXT");
    EXPECT_FALSE(keeps());
    EXPECT_FALSE(keeps());  // it may have changed twice in a tick
    settle();
    EXPECT_FALSE(keeps());
    EXPECT_TRUE(keeps());
    timespec const times[] = {host_stat("f").st_atim, host_stat("f").st_mtim};
    write("f", "text");
    ASSERT_EQ(::utimensat(AT_FDCWD, at("f").c_str(), times, 0), 0);
    settle();
    EXPECT_FALSE(keeps());  // whatever its owner says of its times
}

TEST_F(HostTree, TheDataOfAFileThatCouldNotBeOpenedIsNotTakenForNew) {
    write("f", "text");
    fs::PassthroughOptions options;
    options.sharing = fs::Sharing::kVisited;
    options.max_handles = 1;
    serve(options);
    auto const settle = [] { std::this_thread::sleep_for(std::chrono::milliseconds(30)); };
    auto const f = client_->lookup(1, "f");
    settle();
    auto const handle = client_->open(f, O_RDONLY);
    write("f", "TEXT");
    settle();
    client_->open(f, O_RDONLY);
    EXPECT_EQ(client_->error, ENFILE);
    client_->release(f, handle);
    client_->open(f, O_RDONLY);
    EXPECT_EQ(client_->error, 0);
    EXPECT_EQ(client_->last_open.open_flags & abi::kFopenKeepCache, 0u);
}

TEST_F(HostTree, AGuestThatHasForgottenAFileReadsItAnew) {
    write("f", "text");
    serve_as_visited();
    std::this_thread::sleep_for(std::chrono::milliseconds(30));
    for (int i = 0; i < 2; ++i) {
        auto const f = client_->lookup(1, "f");
        auto const handle = client_->open(f, O_RDONLY);
        EXPECT_EQ(client_->last_open.open_flags & abi::kFopenKeepCache, 0u);
        send(Opcode::kRelease, f, args(abi::ReleaseIn{handle, 0, 0, 0}));
        client_->send(Opcode::kForget, f, args(abi::ForgetIn{1}));
    }
}

TEST_F(HostTree, ClosingIsARequestOnlyWhereItMayTellSomething) {
    EXPECT_TRUE(fs::kind_of(0x6969ul).tells_at_close);      // NFS
    EXPECT_TRUE(fs::kind_of(0xff534d42ul).tells_at_close);  // CIFS
    EXPECT_TRUE(fs::kind_of(0x65735546ul).tells_at_close);  // FUSE
    EXPECT_FALSE(fs::kind_of(0xef53ul).tells_at_close);     // ext4
    EXPECT_TRUE(fs::kind_of(0x01021994ul).is_memory);       // tmpfs
    EXPECT_FALSE(fs::kind_of(0xef53ul).is_memory);
    write("f", "x");
    auto const on_host = open_path(at("f"), O_RDONLY).value();
    bool const host_tells = fs::kind_of(on_host.borrow()).tells_at_close;
    serve();
    auto const f = client_->lookup(1, "f");
    auto const flushes = [&](int flags) {
        client_->open(f, flags);
        return (client_->last_open.open_flags & abi::kFopenNoflush) == 0;
    };
    EXPECT_FALSE(flushes(O_RDONLY));
    EXPECT_EQ(flushes(O_RDWR), host_tells);
    EXPECT_EQ(flushes(O_WRONLY), host_tells);
    fs::PassthroughOptions locks;
    locks.host_locks = true;
    serve(locks);
    client_->open(client_->lookup(1, "f"), O_RDONLY);
    EXPECT_EQ(client_->last_open.open_flags & abi::kFopenNoflush, 0u);
}

TEST_F(HostTree, LookupInAFileIsEnotdir) {
    write("f", "x");
    serve();
    client_->lookup(client_->lookup(1, "f"), "x");
    EXPECT_EQ(client_->error, ENOTDIR);
}

// ---- symbolic links ----

TEST_F(HostTree, SymlinksAreStoredVerbatimAndNeverFollowed) {
    serve();
    for (std::string const& target :
         {outside_ / "canary", std::string("../canary"), std::string("/etc/passwd")}) {
        auto const link = client_->entry(Opcode::kSymlink, 1, args("link", target));
        EXPECT_EQ(link.attr.mode & S_IFMT, static_cast<uint32_t>(S_IFLNK));
        EXPECT_EQ(client_->note(client_->send(Opcode::kReadlink, link.nodeid, {})).text(), target);
        client_->open(link.nodeid, O_RDWR | O_TRUNC);
        EXPECT_EQ(client_->error, ELOOP);
        client_->lookup(link.nodeid, "x");
        EXPECT_EQ(client_->error, ENOTDIR);
        abi::SetattrIn truncate{};
        truncate.valid = abi::kSetSize;
        EXPECT_EQ(send(Opcode::kSetattr, link.nodeid, args(truncate)), ELOOP);
        EXPECT_EQ(send(Opcode::kCreate, 1, args(abi::CreateIn{O_RDWR | O_TRUNC, 0644, 0, 0}, "link")), ELOOP);
        EXPECT_EQ(send(Opcode::kUnlink, 1, args("link")), 0);
    }
}

TEST_F(HostTree, ReadlinkOfAFileIsEinval) {
    write("f", "x");
    serve();
    EXPECT_EQ(send(Opcode::kReadlink, client_->lookup(1, "f"), {}), EINVAL);
}

TEST_F(HostTree, ADirectorySwappedForALinkLeadsNowhere) {
    outside_.make_dir("export/d");
    write("d/f", "inside");
    outside_.make_dir("elsewhere");
    outside_.write("elsewhere/f", "outside");
    fs::PassthroughOptions options;
    options.max_cached_fds = 1;  // so that the server has to look again
    serve(options);
    auto const dir = client_->lookup(1, "d");
    auto const file = client_->lookup(dir, "f");
    client_->lookup(1, "d");
    ASSERT_EQ(::rename(at("d").c_str(), at("moved").c_str()), 0);
    ASSERT_EQ(::symlink((outside_ / "elsewhere").c_str(), at("d").c_str()), 0);
    auto const text = client_->cat(file);
    EXPECT_TRUE(text == "inside" || client_->error == ESTALE) << text;
}

// ---- special files ----

TEST_F(HostTree, SpecialFilesAreSeenButNeverOpened) {
    ASSERT_EQ(::mkfifo(at("fifo").c_str(), 0666), 0);
    int const sock = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_un addr{};
    addr.sun_family = AF_UNIX;
    ASSERT_LT(at("sock").size(), sizeof addr.sun_path);
    std::strcpy(addr.sun_path, at("sock").c_str());
    ASSERT_EQ(::bind(sock, reinterpret_cast<sockaddr*>(&addr), sizeof addr), 0);
    ::close(sock);
    std::vector<std::string> names = {"fifo", "sock"};
    if (::mknod(at("null").c_str(), S_IFCHR | 0666, makedev(1, 3)) == 0) names.push_back("null");
    if (::mknod(at("disk").c_str(), S_IFBLK | 0666, makedev(7, 200)) == 0) names.push_back("disk");
    serve();
    for (auto const& name : names) {
        auto const node = client_->lookup(1, name);
        ASSERT_EQ(client_->error, 0) << name;
        for (int const flags : {O_RDONLY, O_WRONLY, O_RDWR | O_TRUNC, O_RDONLY | O_NONBLOCK}) {
            client_->open(node, flags);
            EXPECT_EQ(client_->error, ENXIO) << name;
        }
        client_->opendir(node);
        EXPECT_EQ(client_->error, ENOTDIR) << name;
        abi::SetattrIn truncate{};
        truncate.valid = abi::kSetSize;
        EXPECT_EQ(send(Opcode::kSetattr, node, args(truncate)), ENXIO) << name;
        EXPECT_EQ(send(Opcode::kGetxattr, node, args(abi::GetxattrIn{8, 0}, "user.x")), ENODATA) << name;
        EXPECT_EQ(send(Opcode::kSetxattr, node, args(abi::SetxattrIn{0, 0, 0, 0}, "user.x")), EPERM) << name;
        EXPECT_EQ(send(Opcode::kCreate, 1, args(abi::CreateIn{O_RDWR, 0644, 0, 0}, name)), ENXIO) << name;
        abi::SetattrIn chmod{};
        chmod.valid = abi::kSetMode;
        chmod.mode = 0600;
        EXPECT_EQ(send(Opcode::kSetattr, node, args(chmod)), 0) << name;
        EXPECT_EQ(host_stat(name).st_mode & 07777, 0600u) << name;
    }
    EXPECT_EQ(fs_->handle_count(), 0u);
}

TEST_F(HostTree, DeviceNodesAreNotMadeUnlessAllowed) {
    serve();
    EXPECT_EQ(send(Opcode::kMknod, 1, args(abi::MknodIn{S_IFCHR | 0666, 0x103, 0, 0}, "null")), EPERM);
    EXPECT_EQ(send(Opcode::kMknod, 1, args(abi::MknodIn{S_IFBLK | 0666, 0, 0, 0}, "disk")), EPERM);
    EXPECT_EQ(send(Opcode::kMknod, 1, args(abi::MknodIn{S_IFDIR | 0755, 0, 0, 0}, "dir")), EINVAL);
    EXPECT_EQ(send(Opcode::kMknod, 1, args(abi::MknodIn{S_IFIFO | 0644, 0, 022, 0}, "fifo")), 0);
    EXPECT_TRUE(S_ISFIFO(host_stat("fifo").st_mode));
    EXPECT_EQ(send(Opcode::kMknod, 1, args(abi::MknodIn{S_IFCHR, 0, 0, 0}, "whiteout")), 0);
    EXPECT_FALSE(std::filesystem::exists(at("null")));
    if (::getuid() != 0) GTEST_SKIP() << "skipped: making devices needs root";
    fs::PassthroughOptions options;
    options.device_nodes = fs::DeviceNodes::kAllow;
    serve(options);
    EXPECT_EQ(send(Opcode::kMknod, 1, args(abi::MknodIn{S_IFCHR | 0666, 0x103, 0, 0}, "null")), 0);
    EXPECT_EQ(host_stat("null").st_rdev, makedev(1, 3));
}

// ---- reading and writing ----

TEST_F(HostTree, BytesGoThroughInPieces) {
    serve();
    std::string data(300000, '\0');
    std::minstd_rand random(1);
    for (auto& c : data) c = static_cast<char>(random());
    client_->piece = 4096;
    auto const created =
        client_->note(client_->send(Opcode::kCreate, 1, args(abi::CreateIn{O_RDWR, 0644, 0, 0}, "f")));
    auto const node = created.as<abi::EntryOut>().nodeid;
    auto const fh = created.as<abi::OpenOut>(sizeof(abi::EntryOut)).fh;
    EXPECT_EQ(client_->write(node, fh, 0, data), data.size());
    EXPECT_EQ(on_host("f"), data);
    EXPECT_EQ(client_->read(node, fh, 12345, 100000), data.substr(12345, 100000));
    EXPECT_EQ(client_->read(node, fh, 299990, 100), data.substr(299990));
    EXPECT_EQ(client_->read(node, fh, 400000, 100), "");
}

TEST_F(HostTree, OpenFlagsAreMaskedToWhatFilesNeed) {
    write("f", "content");
    serve();
    auto const node = client_->lookup(1, "f");
    auto const fh =
        client_->open(node, O_RDWR | O_APPEND | O_DIRECT | O_ASYNC | O_PATH | O_NOCTTY | O_NONBLOCK);
    ASSERT_EQ(client_->error, 0);
    EXPECT_EQ(client_->read(node, fh, 0, 100), "content");  // with O_PATH it could not be read
    client_->open(node, O_ACCMODE);  // neither to read nor to write, for ioctls: open(2)
    EXPECT_EQ(client_->error, 0);
    client_->open(node, -1 & ~O_ACCMODE);
    EXPECT_EQ(on_host("f"), "");  // O_TRUNC is among them
}

TEST_F(HostTree, AppendsLandAtTheHostsEndOfASharedFile) {
    write("log", "host1 ");
    serve();
    auto const node = client_->lookup(1, "log");
    auto const fh = client_->open(node, O_WRONLY | O_APPEND);
    std::ofstream(at("log"), std::ios::app) << "host2 ";
    client_->write(node, fh, 6, "guest", 0, O_WRONLY | O_APPEND);
    EXPECT_EQ(on_host("log"), "host1 host2 guest");
    // A mapped page written back belongs exactly where it was mapped.
    client_->write(node, fh, 0, "HOST1", abi::kWriteCache, O_WRONLY | O_APPEND);
    EXPECT_EQ(on_host("log"), "HOST1 host2 guest");
}

TEST_F(HostTree, CreateOfAnExistingFileOpensItUnlessExclusive) {
    write("f", "old");
    serve();
    EXPECT_EQ(send(Opcode::kCreate, 1, args(abi::CreateIn{O_RDWR | O_EXCL, 0644, 0, 0}, "f")), EEXIST);
    EXPECT_EQ(send(Opcode::kCreate, 1, args(abi::CreateIn{O_RDWR, 0644, 0, 0}, "f")), 0);
    EXPECT_EQ(on_host("f"), "old");
    EXPECT_EQ(send(Opcode::kCreate, 1, args(abi::CreateIn{O_RDWR | O_TRUNC, 0644, 0, 0}, "f")), 0);
    EXPECT_EQ(on_host("f"), "");
}

TEST_F(HostTree, FallocateAndSeekWorkAndUnknownModesDoNot) {
    serve();
    auto const created =
        client_->note(client_->send(Opcode::kCreate, 1, args(abi::CreateIn{O_RDWR, 0644, 0, 0}, "f")));
    auto const node = created.as<abi::EntryOut>().nodeid;
    auto const fh = created.as<abi::OpenOut>(sizeof(abi::EntryOut)).fh;
    EXPECT_EQ(send(Opcode::kFallocate, node, args(abi::FallocateIn{fh, 0, 8192, 0, 0})), 0);
    EXPECT_EQ(client_->getattr(node).size, 8192u);
    for (uint32_t const mode : {uint32_t{FALLOC_FL_COLLAPSE_RANGE}, 0x80000000u, 0xffffffffu})
        EXPECT_EQ(send(Opcode::kFallocate, node, args(abi::FallocateIn{fh, 0, 4096, mode, 0})), EOPNOTSUPP);
    for (uint32_t const whence : {0u, 1u, 2u, 99u})
        EXPECT_EQ(send(Opcode::kLseek, node, args(abi::LseekIn{fh, 0, whence, 0})), EINVAL);
    EXPECT_EQ(send(Opcode::kLseek, node, args(abi::LseekIn{fh, 8192, SEEK_DATA, 0})), ENXIO);
}

TEST_F(HostTree, CopyFileRangeCopiesOnTheHost) {
    write("a", "0123456789");
    write("b", "");
    serve();
    auto const a = client_->lookup(1, "a");
    auto const b = client_->lookup(1, "b");
    auto const in = client_->open(a, O_RDONLY);
    auto const out = client_->open(b, O_WRONLY);
    EXPECT_EQ(send(Opcode::kCopyFileRange, a, args(abi::CopyFileRangeIn{in, 2, b, out, 0, 5, 0})), 0);
    EXPECT_EQ(client_->last.as<abi::WriteOut>().size, 5u);
    EXPECT_EQ(on_host("b"), "23456");
    EXPECT_EQ(send(Opcode::kCopyFileRange, a, args(abi::CopyFileRangeIn{in, 0, b, out, 0, 5, 1})), EINVAL);
}

TEST_F(HostTree, FsyncAndFlushAndStatfsAnswer) {
    write("f", "x");
    serve();
    auto const node = client_->lookup(1, "f");
    auto const fh = client_->open(node, O_RDWR);
    EXPECT_EQ(send(Opcode::kFsync, node, args(abi::FsyncIn{fh, 1, 0})), 0);
    EXPECT_EQ(send(Opcode::kFlush, node, args(abi::FlushIn{fh, 0, 0, 0})), 0);
    EXPECT_EQ(send(Opcode::kSyncfs, 1, Bytes(8)), 0);
    EXPECT_EQ(send(Opcode::kStatfs, 1, {}), 0);
    EXPECT_GT(client_->last.as<abi::Kstatfs>().blocks, 0u);
    auto const dir = client_->opendir(1);
    EXPECT_EQ(send(Opcode::kFsyncdir, 1, args(abi::FsyncIn{dir, 0, 0})), 0);
}

TEST_F(HostTree, HandlesBelongToOneNodeAndEndWithRelease) {
    write("f", "f");
    write("g", "g");
    serve();
    auto const f = client_->lookup(1, "f");
    auto const g = client_->lookup(1, "g");
    auto const fh = client_->open(f, O_RDWR);
    auto const dir = client_->opendir(1);
    for (uint64_t const wrong : {uint64_t{0}, fh + 1000, ~uint64_t{0}}) {
        client_->read(f, wrong);
        EXPECT_EQ(client_->error, EBADF);
    }
    client_->read(g, fh);
    EXPECT_EQ(client_->error, EBADF);
    client_->write(g, fh, 0, "x");
    EXPECT_EQ(client_->error, EBADF);
    client_->read(1, dir);
    EXPECT_EQ(client_->error, EBADF);
    client_->release(f, fh);
    client_->read(f, fh);
    EXPECT_EQ(client_->error, EBADF);
    EXPECT_EQ(on_host("g"), "g");
}

// Made by the guest, opened by no name since: the handle is all that leads to it.
TEST_F(HostTree, AnOpenFileIsReachedWhenTheHostHasTakenItsName) {
    serve();
    auto const created = client_->send(Opcode::kCreate, 1, args(abi::CreateIn{O_RDWR, 0644, 0, 0}, "f"));
    uint64_t const f = created.as<abi::EntryOut>().nodeid;
    uint64_t const fh = created.as<abi::OpenOut>(sizeof(abi::EntryOut)).fh;
    client_->write(f, fh, 0, "mine");
    ASSERT_EQ(::unlink(at("f").c_str()), 0);
    write("f", "another's");
    ASSERT_EQ(::chmod(at("f").c_str(), 0644), 0);

    EXPECT_EQ(client_->getattr(f).size, 4u);
    EXPECT_EQ(client_->getattr(f).nlink, 0u);
    abi::SetattrIn in{};
    in.valid = abi::kSetMode;
    in.mode = 0600;
    EXPECT_EQ(send(Opcode::kSetattr, f, args(in)), 0);
    EXPECT_EQ(client_->getattr(f).mode & 0777, 0600u);
    EXPECT_EQ(send(Opcode::kGetxattr, f, args(abi::GetxattrIn{8, 0}, "security.capability")), ENODATA);
    EXPECT_EQ(host_stat("f").st_mode & 0777, 0644u);

    client_->release(f, fh);
    client_->getattr(f);
    EXPECT_EQ(client_->error, ESTALE);
}

TEST_F(HostTree, OpenHandlesAreBounded) {
    write("f", "f");
    fs::PassthroughOptions options;
    options.max_handles = 3;
    serve(options);
    auto const f = client_->lookup(1, "f");
    for (int i = 0; i < 3; ++i) client_->open(f, O_RDONLY);
    EXPECT_EQ(client_->error, 0);
    client_->open(f, O_RDONLY);
    EXPECT_EQ(client_->error, ENFILE);
    EXPECT_EQ(send(Opcode::kCreate, 1, args(abi::CreateIn{O_RDWR, 0644, 0, 0}, "g")), ENFILE);
}

// ---- attributes ----

TEST_F(HostTree, SetattrChangesExactlyWhatIsValid) {
    write("f", "12345");
    serve();
    auto const node = client_->lookup(1, "f");
    auto const before = host_stat("f");
    abi::SetattrIn in{};
    in.valid = abi::kSetMtime;
    in.mtime = 1000000000;
    in.mtimensec = 42;
    in.mode = 0777;
    in.size = 1;
    EXPECT_EQ(send(Opcode::kSetattr, node, args(in)), 0);
    auto const after = host_stat("f");
    EXPECT_EQ(after.st_mtim.tv_sec, 1000000000);
    EXPECT_EQ(after.st_mtim.tv_nsec, 42);
    EXPECT_EQ(after.st_atim.tv_nsec, before.st_atim.tv_nsec);
    EXPECT_EQ(after.st_mode, before.st_mode);
    EXPECT_EQ(after.st_size, 5);
}

TEST_F(HostTree, TruncateWorksByNodeAndByHandle) {
    write("f", "12345");
    serve();
    auto const node = client_->lookup(1, "f");
    abi::SetattrIn in{};
    in.valid = abi::kSetSize;
    in.size = 3;
    EXPECT_EQ(send(Opcode::kSetattr, node, args(in)), 0);
    EXPECT_EQ(on_host("f"), "123");
    in.valid |= abi::kSetHandle;
    in.fh = client_->open(node, O_RDWR);
    in.size = 1;
    EXPECT_EQ(send(Opcode::kSetattr, node, args(in)), 0);
    EXPECT_EQ(on_host("f"), "1");
    in.fh = 999;
    EXPECT_EQ(send(Opcode::kSetattr, node, args(in)), EBADF);
    in.valid = abi::kSetSize;
    EXPECT_EQ(send(Opcode::kSetattr, 1, args(in)), EISDIR);
    in.size = ~uint64_t{0};
    EXPECT_EQ(send(Opcode::kSetattr, node, args(in)), EINVAL);
}

TEST_F(HostTree, TimesThatMeanSomethingElseToTheHostAreEinval) {
    write("f", "x");
    serve();
    abi::SetattrIn in{};
    in.valid = abi::kSetAtime;
    for (uint32_t const nsec : {uint32_t{UTIME_NOW}, uint32_t{UTIME_OMIT}, 1000000000u}) {
        in.atimensec = nsec;
        EXPECT_EQ(send(Opcode::kSetattr, client_->lookup(1, "f"), args(in)), EINVAL);
    }
}

TEST_F(HostTree, OwnersThatMeanKeepAreEinval) {
    write("f", "x");
    serve();
    abi::SetattrIn in{};
    in.valid = abi::kSetUid;
    in.uid = UINT32_MAX;
    EXPECT_EQ(send(Opcode::kSetattr, client_->lookup(1, "f"), args(in)), EINVAL);
}

// ---- the tree ----

// overlayfs in the guest moves a file of its upper layer and hides the lower one of the same name in one
// step.
TEST_F(HostTree, ARenameMayLeaveAWhiteout) {
    write("a", "a");
    serve();
    auto const a = client_->lookup(1, "a");
    EXPECT_EQ(send(Opcode::kRename2, 1, args(abi::Rename2In{1, RENAME_WHITEOUT, 0}, "a", "b")), 0);
    EXPECT_EQ(client_->lookup(1, "b"), a);
    EXPECT_TRUE(S_ISCHR(host_stat("a").st_mode));
    EXPECT_EQ(host_stat("a").st_rdev, 0u);
    EXPECT_NE(client_->lookup(1, "a"), a);
}

TEST_F(HostTree, RenameFlagsAreAnAllowList) {
    write("a", "a");
    write("b", "b");
    serve();
    for (uint32_t const flags : {3u, 6u, 8u, 0xffffffffu})
        EXPECT_EQ(send(Opcode::kRename2, 1, args(abi::Rename2In{1, flags, 0}, "a", "b")), EINVAL) << flags;
    EXPECT_EQ(send(Opcode::kRename2, 1, args(abi::Rename2In{1, 1, 0}, "a", "b")), EEXIST);
    EXPECT_EQ(send(Opcode::kRename2, 1, args(abi::Rename2In{1, 2, 0}, "a", "b")), 0);
    EXPECT_EQ(on_host("a"), "b");
    EXPECT_EQ(send(Opcode::kRename, 1, args(abi::RenameIn{1}, "a", "b")), 0);
    EXPECT_EQ(on_host("b"), "b");
    EXPECT_FALSE(std::filesystem::exists(at("a")));
}

TEST_F(HostTree, LinkMakesAnotherNameOfFilesAndOfSymlinks) {
    write("f", "x");
    ASSERT_EQ(::symlink("f", at("l").c_str()), 0);
    serve();
    auto const f = client_->lookup(1, "f");
    EXPECT_EQ(client_->entry(Opcode::kLink, 1, args(abi::LinkIn{f}, "g")).nodeid, f);
    EXPECT_EQ(host_stat("g").st_ino, host_stat("f").st_ino);
    EXPECT_EQ(send(Opcode::kLink, 1, args(abi::LinkIn{client_->lookup(1, "l")}, "m")), 0);
    EXPECT_EQ(host_stat("m").st_ino, host_stat("l").st_ino);
}

TEST_F(HostTree, NamesOfAnyBytesRoundTrip) {
    serve();
    std::minstd_rand random(7);
    std::set<std::string> made;
    while (made.size() < 1000) {
        std::string name(1 + random() % 255, '\0');
        for (auto& c : name) do {
                c = static_cast<char>(random());
            } while (c == '\0' || c == '/');
        if (name == "." || name == ".." || !made.insert(name).second) continue;
        ASSERT_EQ(send(Opcode::kMknod, 1, args(abi::MknodIn{S_IFREG | 0644, 0, 0, 0}, name)), 0);
    }
    std::vector<std::string> const expected(made.begin(), made.end());
    EXPECT_EQ(client_->names(1, 4096, false), expected);
    EXPECT_EQ(client_->names(1, 8192, true), expected);
    for (auto const& name : expected) {
        ASSERT_EQ(send(Opcode::kRename, 1, args(abi::RenameIn{1}, name, "x")), 0);
        ASSERT_EQ(send(Opcode::kUnlink, 1, args("x")), 0);
    }
    EXPECT_TRUE(client_->names(1).empty());
}

// ---- listing ----

TEST_F(HostTree, ListingsNameEachFileOnceWithItsAttributes) {
    for (int i = 0; i < 500; ++i) write("file" + std::to_string(i), std::string(static_cast<size_t>(i), 'x'));
    outside_.make_dir("export/dir");
    serve();
    for (auto const& [size, plus] : {std::pair{64u, false}, {4096u, false}, {200u, true}, {65536u, true}})
        EXPECT_EQ(client_->names(1, size, plus).size(), 501u) << size;
    for (auto const& one : client_->list(1, 4096, true)) {
        if (one.name == "." || one.name == "..") {
            EXPECT_EQ(one.entry.nodeid, 0u);
            continue;
        }
        auto const st = host_stat(one.name);
        EXPECT_EQ(one.entry.attr.size, static_cast<uint64_t>(st.st_size));
        EXPECT_EQ(one.dirent.ino, st.st_ino);
        EXPECT_EQ(one.entry.nodeid, client_->lookup(1, one.name));
    }
}

TEST_F(HostTree, TheRootsParentIsNotTold) {
    serve();
    for (auto const& one : client_->list(1))
        if (one.name == "..") {
            EXPECT_EQ(one.dirent.ino, host_stat(".").st_ino);
        }
}

TEST_F(HostTree, ReadingADirectoryWhileItIsEmptiedMissesNothing) {
    for (int i = 0; i < 300; ++i) write("f" + std::to_string(i), "");
    serve();
    auto const fh = client_->opendir(1);
    size_t removed = 0;
    for (uint64_t offset = 0;;) {
        auto const some = client_->list_once(1, fh, offset, 512, false);
        if (some.empty()) break;
        offset = some.back().dirent.off;
        for (auto const& one : some)
            if (one.name != "." && one.name != "..") {
                EXPECT_EQ(send(Opcode::kUnlink, 1, args(one.name)), 0);
                ++removed;
            }
    }
    EXPECT_EQ(removed, 300u);
}

// ---- extended attributes ----

TEST_F(HostTree, UserXattrsRoundTrip) {
    write("f", "x");
    serve();
    auto const f = client_->lookup(1, "f");
    if (send(Opcode::kSetxattr, f, args(abi::SetxattrIn{3, 0, 0, 0}, "user.k", Bytes(3, std::byte{'v'}))) !=
        0)
        GTEST_SKIP() << "skipped: no user xattrs on this file system";
    EXPECT_EQ(
        client_->note(client_->send(Opcode::kGetxattr, f, args(abi::GetxattrIn{8, 0}, "user.k"))).text(),
        "vvv");
    EXPECT_EQ(client_->send(Opcode::kGetxattr, f, args(abi::GetxattrIn{0, 0}, "user.k")).as<uint32_t>(), 3u);
    EXPECT_EQ(send(Opcode::kGetxattr, f, args(abi::GetxattrIn{2, 0}, "user.k")), ERANGE);
    EXPECT_EQ(client_->send(Opcode::kListxattr, f, args(abi::GetxattrIn{64, 0})).text(),
              std::string("user.k\0", 7));
    EXPECT_EQ(send(Opcode::kListxattr, f, args(abi::GetxattrIn{2, 0})), ERANGE);
    EXPECT_EQ(send(Opcode::kSetxattr, f, args(abi::SetxattrIn{0, XATTR_CREATE, 0, 0}, "user.k")), EEXIST);
    EXPECT_EQ(send(Opcode::kSetxattr, f, args(abi::SetxattrIn{0, 4, 0, 0}, "user.k")), EINVAL);
    EXPECT_EQ(send(Opcode::kRemovexattr, f, args("user.k")), 0);
    EXPECT_EQ(send(Opcode::kGetxattr, f, args(abi::GetxattrIn{8, 0}, "user.k")), ENODATA);
}

TEST_F(HostTree, TheHostsOwnXattrsAreNeitherSeenNorSet) {
    write("f", "x");
    bool const planted = ::setxattr(at("f").c_str(), "trusted.overlay.opaque", "y", 1, 0) == 0;
    serve();
    auto const f = client_->lookup(1, "f");
    for (char const* name : {"security.selinux", "security.ima", "system.posix_acl", "nonsense", "userx",
                             "user.krun-oci.", "user.krun-oci.x", "user.krun-oci.trusted.overlay.opaque"}) {
        EXPECT_EQ(send(Opcode::kSetxattr, f, args(abi::SetxattrIn{1, 0, 0, 0}, name, Bytes(1))), EOPNOTSUPP)
            << name;
        EXPECT_EQ(send(Opcode::kGetxattr, f, args(abi::GetxattrIn{8, 0}, name)), EOPNOTSUPP) << name;
        EXPECT_EQ(send(Opcode::kRemovexattr, f, args(name)), EOPNOTSUPP) << name;
    }
    EXPECT_EQ(client_->send(Opcode::kListxattr, f, args(abi::GetxattrIn{0, 0})).as<uint32_t>(), 0u);
    EXPECT_EQ(send(Opcode::kGetxattr, f, args(abi::GetxattrIn{8, 0}, "trusted.overlay.opaque")), ENODATA);
    EXPECT_EQ(send(Opcode::kRemovexattr, f, args("trusted.overlay.opaque")), ENODATA);
    if (planted) {
        EXPECT_EQ(::getxattr(at("f").c_str(), "trusted.overlay.opaque", nullptr, 0), 1);
    }
}

TEST_F(HostTree, TheGuestsTrustedXattrsAreItsOwn) {
    write("f", "x");
    serve();
    auto const f = client_->lookup(1, "f");
    auto const* const name = "trusted.overlay.opaque";
    if (send(Opcode::kSetxattr, f, args(abi::SetxattrIn{1, 0, 0, 0}, "user.x", Bytes(1))) != 0)
        GTEST_SKIP() << "skipped: no user xattrs on this file system";
    EXPECT_EQ(send(Opcode::kRemovexattr, f, args("user.x")), 0);
    EXPECT_EQ(send(Opcode::kSetxattr, f, args(abi::SetxattrIn{1, 0, 0, 0}, name, Bytes(1, std::byte{'y'}))),
              0);
    EXPECT_EQ(client_->send(Opcode::kGetxattr, f, args(abi::GetxattrIn{8, 0}, name)).text(), "y");
    EXPECT_EQ(client_->send(Opcode::kListxattr, f, args(abi::GetxattrIn{64, 0})).text(),
              std::string("trusted.overlay.opaque\0", 23));
    EXPECT_EQ(::getxattr(at("f").c_str(), name, nullptr, 0), -1);
    EXPECT_EQ(::getxattr(at("f").c_str(), "user.krun-oci.trusted.overlay.opaque", nullptr, 0), 1);
    EXPECT_EQ(send(Opcode::kRemovexattr, f, args(name)), 0);
    EXPECT_EQ(send(Opcode::kGetxattr, f, args(abi::GetxattrIn{8, 0}, name)), ENODATA);
}

// ---- read-only ----

TEST_F(HostTree, AReadOnlyTreeIsUnchangedByEachWayToWrite) {
    write("f", "content");
    fs::PassthroughOptions options;
    options.read_only = true;
    serve(options);
    auto const f = client_->lookup(1, "f");
    auto const before = host_stat("f");
    auto const fh = client_->open(f, O_RDONLY);
    client_->open(f, O_RDWR);
    EXPECT_EQ(client_->error, EROFS);
    client_->write(f, fh, 0, "x");
    EXPECT_EQ(client_->error, EROFS);
    abi::SetattrIn in{};
    in.valid = abi::kSetMode | abi::kSetSize | abi::kSetMtimeNow;
    EXPECT_EQ(send(Opcode::kSetattr, f, args(in)), EROFS);
    EXPECT_EQ(send(Opcode::kUnlink, 1, args("f")), EROFS);
    EXPECT_EQ(send(Opcode::kLink, 1, args(abi::LinkIn{f}, "g")), EROFS);
    EXPECT_EQ(client_->read(f, fh), "content");
    auto const after = host_stat("f");
    EXPECT_EQ(after.st_ctim.tv_nsec, before.st_ctim.tv_nsec);
    EXPECT_EQ(after.st_mtim.tv_nsec, before.st_mtim.tv_nsec);
    EXPECT_EQ(on_host("f"), "content");
}

// ---- what may be exported ----

TEST(Export, KernelFileSystemsAndSpecialFilesAreRefused) {
    fs::NodeIds ids;
    for (char const* path : {"/proc", "/proc/self", "/sys", "/dev/null"}) {
        auto tree = open_path(path, O_PATH);
        if (!tree.ok()) continue;
        auto const made =
            fs::Passthrough::make(std::move(tree).value(), fs::open_proc_self_fd().value(), {}, ids);
        EXPECT_FALSE(made.ok()) << path;
    }
}

TEST(Export, TheErrorNamesTheFileSystem) {
    fs::NodeIds ids;
    auto const made =
        fs::Passthrough::make(open_path("/proc", O_PATH).value(), fs::open_proc_self_fd().value(), {}, ids);
    ASSERT_FALSE(made.ok());
    EXPECT_NE(made.error().message().find("proc"), std::string::npos);
    EXPECT_EQ(made.error().code(), Errc::kInvalidConfig);
}

TEST(Export, TheHostsDeviceDirectoryIsRefusedWhenItIsAFileSystemOfItsOwn) {
    struct stat dev {
    }, root{};
    ASSERT_EQ(::stat("/dev", &dev) | ::stat("/", &root), 0);
    if (dev.st_dev == root.st_dev) GTEST_SKIP() << "skipped: /dev is part of / here";
    fs::NodeIds ids;
    EXPECT_FALSE(
        fs::Passthrough::make(open_path("/dev", O_PATH).value(), fs::open_proc_self_fd().value(), {}, ids)
            .ok());
}

}  // namespace krun::test
