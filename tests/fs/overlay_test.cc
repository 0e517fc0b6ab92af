// SPDX-License-Identifier: Apache-2.0
// Virtual names over an inner file system: what can be added, what the guest sees, and what it is refused.
#include "fs/overlay/overlay_fs.h"

#include <gtest/gtest.h>
#include <linux/fs.h>
#include <sys/stat.h>

#include <atomic>
#include <set>
#include <thread>

#include "fs/null/null_fs.h"
#include "fs/passthrough/passthrough.h"
#include "tests/support/fuse_client.h"
#include "tests/support/temp_dir.h"

namespace krun::test {

using abi::Opcode;
using fs::Content;
using fs::Lifetime;
using fs::OverlayFs;

namespace {

std::unique_ptr<fs::FileSystem> passthrough(std::string const& path, fs::NodeIds& ids,
                                            fs::PassthroughOptions options = {}) {
    auto tree = open_path(path, O_PATH).value();
    return fs::Passthrough::make(std::move(tree), fs::open_proc_self_fd().value(), options, ids).value();
}

int errno_of(Result<void> const& result) {
    return result.ok() ? 0 : result.error().sys_errno();
}

std::vector<std::string> sorted(std::vector<std::string> names) {
    std::sort(names.begin(), names.end());
    return names;
}

}  // namespace

// ---- building ----

TEST(OverlayBuild, PathsAreCheckedComponentByComponent) {
    TempDir tree;
    tree.make_dir("real");
    tree.write("file", "x");
    tree.link("real", "link");
    fs::NodeIds ids;
    OverlayFs overlay(passthrough(tree.path(), ids), ids);
    ASSERT_TRUE(overlay.add_file("/taken", 0644, Content::owned("x")).ok());

    struct Case {
        std::string path;
        int error;
    };
    Case const cases[] = {
        {"", EINVAL},
        {"/", EINVAL},
        {"a//b", EINVAL},
        {"a/", EINVAL},
        {"real/../x", EINVAL},
        {"./x", EINVAL},
        {"..", EINVAL},
        {"missing/x", ENOENT},
        {"file/x", ENOTDIR},
        {"taken/x", ENOTDIR},
        {"link/x", ENOTDIR},
        {"taken", EEXIST},
        {"/taken", EEXIST},
        {"real/x", 0},
        {"/real/y", 0},
        {std::string(256, 'n'), ENAMETOOLONG},
        {std::string("a\0b", 3), EINVAL},
    };
    for (auto const& c : cases)
        EXPECT_EQ(errno_of(overlay.add_file(c.path, 0644, Content::owned("x"))), c.error) << c.path;
}

TEST(OverlayBuild, NamesMayBeAnyBytes) {
    fs::NodeIds ids;
    auto overlay = std::make_unique<OverlayFs>(std::make_unique<fs::NullFs>(ids), ids);
    ASSERT_TRUE(overlay->add_file("\xff\xfe\n", 0644, Content::owned("x")).ok());
    FuseClient client(std::move(overlay));
    client.init();
    EXPECT_EQ(client.cat(client.lookup(1, "\xff\xfe\n")), "x");
}

TEST(OverlayBuild, ErrorsNameThePathAndTheReason) {
    fs::NodeIds ids;
    OverlayFs overlay(std::make_unique<fs::NullFs>(ids), ids);
    auto const result = overlay.add_dir("/a/b", 0755);
    ASSERT_FALSE(result.ok());
    EXPECT_NE(result.error().message().find("/a/b"), std::string::npos);
}

TEST(OverlayBuild, AnErrorAddsNothing) {
    fs::NodeIds ids;
    auto overlay = std::make_unique<OverlayFs>(std::make_unique<fs::NullFs>(ids), ids);
    ASSERT_FALSE(overlay->add_file("missing/x", 0644, Content::owned("x")).ok());
    FuseClient client(std::move(overlay));
    client.init();
    EXPECT_TRUE(client.names(1).empty());
}

// ---- serving a tree that is all virtual ----

class VirtualTree : public ::testing::Test {
protected:
    VirtualTree() : client_(build()) { client_.init(); }

    static std::unique_ptr<OverlayFs> build() {
        fs::NodeIds ids;
        auto overlay = std::make_unique<OverlayFs>(std::make_unique<fs::NullFs>(ids), ids);
        static constexpr char kBorrowed[] = "borrowed bytes";
        auto const borrowed = std::as_bytes(std::span(kBorrowed, sizeof kBorrowed - 1));
        EXPECT_TRUE(overlay->add_file("/hello", 0644, Content::owned("hello world")).ok());
        EXPECT_TRUE(overlay->add_file("/empty", 0600, Content::owned("")).ok());
        EXPECT_TRUE(overlay->add_file("/borrowed", 0444, Content::borrowed(borrowed)).ok());
        EXPECT_TRUE(overlay->add_file("/once", 0755, Content::owned("once only"), Lifetime::kOneShot).ok());
        EXPECT_TRUE(overlay->add_dir("/etc", 0755).ok());
        EXPECT_TRUE(overlay->add_dir("/etc/nested", 0700).ok());
        EXPECT_TRUE(overlay->add_file("/etc/nested/deep.txt", 0644, Content::owned("deep")).ok());
        EXPECT_TRUE(overlay->add_dir("/proc", 0555).ok());
        EXPECT_TRUE(overlay->add_device("/etc/disk", 0640, {S_IFBLK, 259, 0x12345}, {7, 8}).ok());
        return overlay;
    }

    FuseClient client_;
};

TEST_F(VirtualTree, FilesHaveTheirBytesAndAttributes) {
    auto const hello = client_.lookup(1, "hello");
    auto const attr = client_.getattr(hello);
    EXPECT_EQ(attr.mode, S_IFREG | 0644u);
    EXPECT_EQ(attr.size, 11u);
    EXPECT_EQ(attr.blocks, 1u);
    EXPECT_EQ(attr.nlink, 1u);
    EXPECT_EQ(client_.cat(hello), "hello world");
    EXPECT_EQ(client_.cat(hello), "hello world");
    EXPECT_EQ(client_.cat(client_.lookup(1, "borrowed")), "borrowed bytes");
    EXPECT_EQ(client_.cat(client_.walk("etc/nested/deep.txt")), "deep");
}

TEST_F(VirtualTree, DevicesHaveNumberModeAndOwnerAndAreNotOpenedHere) {
    auto const disk = client_.walk("etc/disk");
    auto const attr = client_.getattr(disk);
    EXPECT_EQ(attr.mode, S_IFBLK | 0640u);
    EXPECT_EQ(attr.rdev, 0x12310345u);  // the kernel's new_encode_dev(): major in bits 8 to 19
    EXPECT_EQ(attr.uid, 7u);
    EXPECT_EQ(attr.gid, 8u);
    for (int const flags : {O_RDONLY, O_RDWR}) {
        client_.open(disk, flags);
        EXPECT_EQ(client_.error, ENXIO);
    }
}

TEST_F(VirtualTree, ReadsAreExactAtEachOffset) {
    auto const node = client_.lookup(1, "hello");
    auto const fh = client_.open(node, O_RDONLY);
    std::string const all = "hello world";
    client_.piece = 3;
    for (uint32_t offset = 0; offset <= all.size(); ++offset)
        for (uint32_t size = 0; size <= all.size() + 1; ++size)
            EXPECT_EQ(client_.read(node, fh, offset, size), all.substr(offset, size));
    EXPECT_EQ(client_.read(node, fh, 1 << 20, 10), "");
    EXPECT_EQ(client_.error, 0);
}

TEST_F(VirtualTree, EmptyFilesAreLegal) {
    auto const node = client_.lookup(1, "empty");
    EXPECT_EQ(client_.getattr(node).size, 0u);
    EXPECT_EQ(client_.cat(node), "");
    EXPECT_EQ(client_.error, 0);
}

TEST_F(VirtualTree, ListingsHaveEachPersistentNameOnce) {
    auto const expected = sorted({"borrowed", "empty", "etc", "hello", "proc"});  // not "once"
    for (bool const plus : {false, true}) EXPECT_EQ(client_.names(1, 4096, plus), expected);
    // One entry a request: a record with the longest of these names.
    EXPECT_EQ(client_.names(1, 32, false), expected);
    EXPECT_EQ(client_.names(1, 160, true), expected);
    EXPECT_EQ(client_.names(client_.lookup(1, "etc")), sorted({"nested", "disk"}));
    EXPECT_TRUE(client_.names(client_.lookup(1, "proc")).empty());
}

TEST_F(VirtualTree, PersistentNamesMayBeCachedOneShotNamesNot) {
    EXPECT_GT(client_.entry(Opcode::kLookup, 1, args("hello")).entry_valid, 3600u);
    auto const once = client_.entry(Opcode::kLookup, 1, args("once"));
    EXPECT_EQ(once.entry_valid, 0u);
    EXPECT_EQ(once.attr_valid, 0u);
}

TEST_F(VirtualTree, LseekFindsOneRunOfData) {
    auto const node = client_.lookup(1, "hello");
    auto const fh = client_.open(node, O_RDONLY);
    auto const seek = [&](uint64_t offset, uint32_t whence) {
        return client_.note(client_.send(Opcode::kLseek, node, args(abi::LseekIn{fh, offset, whence, 0})));
    };
    EXPECT_EQ(seek(4, SEEK_DATA).as<uint64_t>(), 4u);
    EXPECT_EQ(seek(4, SEEK_HOLE).as<uint64_t>(), 11u);
    EXPECT_EQ(seek(11, SEEK_DATA).error, ENXIO);
    EXPECT_EQ(seek(0, 99).error, EINVAL);
}

TEST_F(VirtualTree, HandlesOfOtherNodesAndReleasedOnesAreEbadf) {
    auto const node = client_.lookup(1, "hello");
    auto const fh = client_.open(node, O_RDONLY);
    client_.read(client_.lookup(1, "empty"), fh);
    EXPECT_EQ(client_.error, EBADF);
    client_.release(node, fh);
    client_.read(node, fh);
    EXPECT_EQ(client_.error, EBADF);
    client_.read(node, ~uint64_t{0});
    EXPECT_EQ(client_.error, EBADF);
}

TEST_F(VirtualTree, UnknownNodesAreEnoent) {
    for (uint64_t const node :
         {uint64_t{0}, uint64_t{2} << 48 | 1000, uint64_t{77} << 48 | 1, ~uint64_t{0}}) {
        client_.getattr(node);
        EXPECT_EQ(client_.error, ENOENT) << node;
    }
}

TEST_F(VirtualTree, ForgettingNeverRemovesAName) {
    auto const hello = client_.lookup(1, "hello");
    client_.forget(hello, ~uint64_t{0});
    client_.forget(1, ~uint64_t{0});
    EXPECT_EQ(client_.lookup(1, "hello"), hello);
    EXPECT_EQ(client_.cat(hello), "hello world");
}

// ---- refusals, one row an op ----

TEST_F(VirtualTree, EachChangeIsRefusedWithItsErrno) {
    auto const file = client_.lookup(1, "hello");
    auto const dir = client_.lookup(1, "etc");
    auto const fh = client_.open(file, O_RDONLY);
    struct Row {
        char const* what;
        Opcode opcode;
        uint64_t node;
        Bytes in;
        int error;
    };
    auto const open = [](int flags) { return args(abi::OpenIn{static_cast<uint32_t>(flags), 0}); };
    abi::SetattrIn chmod{};
    chmod.valid = abi::kSetMode;
    Row const rows[] = {
        {"open for writing", Opcode::kOpen, file, open(O_WRONLY), EACCES},
        {"open for both", Opcode::kOpen, file, open(O_RDWR), EACCES},
        {"open and truncate", Opcode::kOpen, file, open(O_TRUNC), EACCES},
        {"open a directory", Opcode::kOpen, dir, open(O_RDONLY), EISDIR},
        {"opendir a file", Opcode::kOpendir, file, open(O_RDONLY), ENOTDIR},
        {"setattr", Opcode::kSetattr, file, args(chmod), EPERM},
        {"setattr of a directory", Opcode::kSetattr, dir, args(chmod), EPERM},
        {"write", Opcode::kWrite, file, args(abi::WriteIn{fh, 0, 1, 0, 0, 0, 0}, Bytes(1)), EPERM},
        {"fallocate", Opcode::kFallocate, file, args(abi::FallocateIn{fh, 0, 1, 0, 0}), EPERM},
        {"setxattr", Opcode::kSetxattr, file, args(abi::SetxattrIn{0, 0, 0, 0}, "user.x"), EPERM},
        {"removexattr", Opcode::kRemovexattr, file, args("user.x"), EPERM},
        {"getxattr", Opcode::kGetxattr, file, args(abi::GetxattrIn{8, 0}, "user.x"), ENODATA},
        {"readlink", Opcode::kReadlink, file, {}, EINVAL},
        {"link", Opcode::kLink, dir, args(abi::LinkIn{file}, "new"), EPERM},
        {"copy", Opcode::kCopyFileRange, file, args(abi::CopyFileRangeIn{fh, 0, file, fh, 5, 1, 0}), EXDEV},
        {"ioctl", Opcode::kIoctl, file, Bytes(32), ENOTTY},
        {"flags", Opcode::kIoctl, file, args(abi::IoctlIn{fh, 0, FS_IOC_GETFLAGS, 0, 0, 4}), ENOTTY},
        {"tmpfile", Opcode::kTmpfile, dir, args(abi::CreateIn{O_RDWR, 0644, 0, 0}, "/"), EPERM},
        {"ACL", Opcode::kGetxattr, file, args(abi::GetxattrIn{8, 0}, "system.posix_acl_access"), ENODATA},
        {"create over it", Opcode::kCreate, 1, args(abi::CreateIn{O_RDWR, 0644, 0, 0}, "hello"), EEXIST},
        {"mkdir over it", Opcode::kMkdir, 1, args(abi::MkdirIn{0755, 0}, "etc"), EEXIST},
        {"mknod over it", Opcode::kMknod, 1, args(abi::MknodIn{S_IFREG, 0, 0, 0}, "hello"), EEXIST},
        {"symlink over it", Opcode::kSymlink, 1, args("hello", "t"), EEXIST},
        {"create over a one-shot", Opcode::kCreate, 1, args(abi::CreateIn{}, "once"), EEXIST},
        {"unlink", Opcode::kUnlink, 1, args("hello"), EPERM},
        {"rmdir", Opcode::kRmdir, 1, args("proc"), EPERM},
        {"rename it", Opcode::kRename, 1, args(abi::RenameIn{1}, "hello", "other"), EPERM},
        {"rename over it", Opcode::kRename2, 1, args(abi::Rename2In{1, 0, 0}, "other", "hello"), EPERM},
        {"exchange it", Opcode::kRename2, 1, args(abi::Rename2In{1, 2, 0}, "empty", "hello"), EPERM},
        {"create beside it", Opcode::kCreate, dir, args(abi::CreateIn{O_RDWR, 0644, 0, 0}, "new"), EPERM},
        {"mkdir beside it", Opcode::kMkdir, dir, args(abi::MkdirIn{0755, 0}, "new"), EPERM},
        {"lookup below a file", Opcode::kLookup, file, args("x"), ENOTDIR},
        {"unlink what is not there", Opcode::kUnlink, dir, args("x"), ENOENT},
    };
    for (auto const& row : rows)
        EXPECT_EQ(client_.send(row.opcode, row.node, row.in).error, row.error) << row.what;
    EXPECT_EQ(client_.send(Opcode::kListxattr, file, args(abi::GetxattrIn{0, 0})).as<uint32_t>(), 0u);
    EXPECT_EQ(client_.cat(file), "hello world");
}

// ---- one-shot files ----

TEST_F(VirtualTree, OneShotFileEndsWithItsFirstOpenNotWithAStat) {
    auto const node = client_.lookup(1, "once");
    EXPECT_EQ(client_.getattr(node).size, 9u);
    EXPECT_EQ(client_.lookup(1, "once"), node);
    auto const fh = client_.open(node, O_RDONLY);
    ASSERT_EQ(client_.error, 0);

    client_.lookup(1, "once");
    EXPECT_EQ(client_.error, ENOENT);
    client_.open(node, O_RDONLY);
    EXPECT_EQ(client_.error, ENOENT);
    EXPECT_EQ(client_.getattr(node).size, 9u);  // the holder may still fstat it
    EXPECT_EQ(client_.read(node, fh), "once only");
    EXPECT_EQ(client_.read(node, fh, 5), "only");
    client_.release(node, fh);
    client_.read(node, fh);
    EXPECT_EQ(client_.error, EBADF);
}

TEST_F(VirtualTree, OneShotFileIsNotConsumedByARefusedOpen) {
    auto const node = client_.lookup(1, "once");
    client_.open(node, O_RDWR);
    EXPECT_EQ(client_.error, EACCES);
    EXPECT_EQ(client_.cat(node), "once only");
}

TEST_F(VirtualTree, OneShotFileStaysConsumedAfterRemount) {
    client_.cat(client_.lookup(1, "once"));
    client_.send(Opcode::kDestroy, 0, {});
    client_.init();
    client_.lookup(1, "once");
    EXPECT_EQ(client_.error, ENOENT);
}

TEST(OneShot, OfSixtyFourRacingOpensExactlyOneWins) {
    fs::NodeIds ids;
    auto overlay = std::make_unique<OverlayFs>(std::make_unique<fs::NullFs>(ids), ids);
    ASSERT_TRUE(overlay->add_file("/once", 0600, Content::owned("secret"), Lifetime::kOneShot).ok());
    FuseClient client(std::move(overlay));
    client.init();
    auto const node = client.lookup(1, "once");

    std::atomic<int> winners{0};
    std::atomic<int> losers{0};
    std::atomic<bool> go{false};
    std::vector<std::jthread> threads;
    for (int i = 0; i < 64; ++i)
        threads.emplace_back([&] {
            abi::OpenIn const in{O_RDONLY, 0};
            auto request = args(client.header(Opcode::kOpen, node, sizeof in), in);
            Bytes space(256);
            iovec const from{request.data(), request.size()};
            iovec const to{space.data(), space.size()};
            while (!go) std::this_thread::yield();
            client.server.serve({&from, 1}, {&to, 1});
            abi::OutHeader out{};
            std::memcpy(&out, space.data(), sizeof out);
            if (out.error == 0) ++winners;
            if (out.error == -ENOENT) ++losers;
        });
    go = true;
    threads.clear();
    EXPECT_EQ(winners, 1);
    EXPECT_EQ(losers, 63);
}

// ---- computed files ----

TEST(GeneratedFile, ChangesBetweenOpensAndNotWithinOne) {
    fs::NodeIds ids;
    auto overlay = std::make_unique<OverlayFs>(std::make_unique<fs::NullFs>(ids), ids);
    int opens = 0;
    ASSERT_TRUE(overlay
                    ->add_generated_file("/now", 0444,
                                         [&]() -> fs::FsResult<Content> {
                                             return Content::owned("open " + std::to_string(++opens));
                                         })
                    .ok());
    FuseClient client(std::move(overlay));
    client.init();
    auto const node = client.lookup(1, "now");
    auto const first = client.open(node, O_RDONLY);
    EXPECT_NE(client.last_open.open_flags & abi::kFopenDirectIo, 0u);  // its size is not known beforehand
    auto const second = client.open(node, O_RDONLY);
    EXPECT_EQ(client.read(node, first), "open 1");
    EXPECT_EQ(client.read(node, second), "open 2");
    EXPECT_EQ(client.read(node, first), "open 1");
}

// sendfile(2), which some cat(1) use, reads no further than the size.
TEST(GeneratedFile, ShowsASizeThatHoldsWhatTheLastOpenRead) {
    fs::NodeIds ids;
    auto overlay = std::make_unique<OverlayFs>(std::make_unique<fs::NullFs>(ids), ids);
    auto const make = []() -> fs::FsResult<Content> { return Content::owned(std::string(5000, 'x')); };
    ASSERT_TRUE(overlay->add_generated_file("/big", 0444, make).ok());
    FuseClient client(std::move(overlay));
    client.init();
    auto const node = client.lookup(1, "big");
    EXPECT_EQ(client.getattr(node).size, 4096u);
    client.open(node, O_RDONLY);
    EXPECT_EQ(client.getattr(node).size, 8192u);
    EXPECT_EQ(client.getattr(node).blksize, 8192u);  // so that tail(1) does not seek from the end
    EXPECT_EQ(client.entry(Opcode::kLookup, 1, args("big")).attr_valid, 0u);
}

TEST(GeneratedFile, ItsErrorIsTheGuestsError) {
    fs::NodeIds ids;
    auto overlay = std::make_unique<OverlayFs>(std::make_unique<fs::NullFs>(ids), ids);
    ASSERT_TRUE(
        overlay
            ->add_generated_file("/no", 0444, []() -> fs::FsResult<Content> { return fail(Errno{EAGAIN}); })
            .ok());
    FuseClient client(std::move(overlay));
    client.init();
    client.open(client.lookup(1, "no"), O_RDONLY);
    EXPECT_EQ(client.error, EAGAIN);
}

// ---- files that take what is written ----

class WritableFile : public ::testing::Test {
protected:
    WritableFile() {
        fs::NodeIds ids;
        auto overlay = std::make_unique<OverlayFs>(std::make_unique<fs::NullFs>(ids), ids);
        fs::Exchange const control{
            [this]() -> fs::FsResult<Content> {
                ++reads_;
                return Content::owned("state");
            },
            [this](uint64_t offset, std::span<std::byte const> bytes) -> fs::FsResult<size_t> {
                if (refusal_ != 0) return fail(Errno{refusal_});
                offset_ = offset;
                received_.assign(reinterpret_cast<char const*>(bytes.data()), bytes.size());
                return claims_.value_or(bytes.size());
            }};
        EXPECT_TRUE(overlay->add_writable_file("/control", 0660, control, {7, 8}).ok());
        client_.emplace(std::move(overlay));
        client_->init();
        node_ = client_->lookup(1, "control");
    }

    RawReply setattr(uint32_t valid) {
        abi::SetattrIn change{};
        change.valid = valid;
        return client_->send(Opcode::kSetattr, node_, args(change));
    }

    int reads_ = 0;
    int refusal_ = 0;
    std::optional<size_t> claims_;
    uint64_t offset_ = 0;
    std::string received_;
    std::optional<FuseClient> client_;
    uint64_t node_ = 0;
};

TEST_F(WritableFile, HandsEachWriteToItsReceiver) {
    auto const fh = client_->open(node_, O_WRONLY | O_TRUNC);
    ASSERT_EQ(client_->error, 0);
    client_->piece = 3;
    EXPECT_EQ(client_->write(node_, fh, 5, "words in pieces"), 15u);
    EXPECT_EQ(received_, "words in pieces");
    EXPECT_EQ(offset_, 5u);
    EXPECT_EQ(client_->write(node_, fh, 0, ""), 0u);
    EXPECT_EQ(received_, "");
}

TEST_F(WritableFile, ReadsAsItsGeneratorSaysAndOnlyThoseWhoReadAskIt) {
    client_->open(node_, O_WRONLY);
    EXPECT_EQ(reads_, 0);
    auto const fh = client_->open(node_, O_RDWR);
    EXPECT_NE(client_->last_open.open_flags & abi::kFopenDirectIo, 0u);
    client_->write(node_, fh, 0, "other");
    EXPECT_EQ(client_->read(node_, fh), "state");
    EXPECT_EQ(reads_, 1);
}

TEST_F(WritableFile, TheReceiversErrorAndShortCountAreTheGuests) {
    auto const fh = client_->open(node_, O_WRONLY);
    claims_ = 2;
    EXPECT_EQ(client_->write(node_, fh, 0, "four"), 2u);
    claims_ = 1000;  // never more than there was
    EXPECT_EQ(client_->write(node_, fh, 0, "four"), 4u);
    refusal_ = EINVAL;
    client_->write(node_, fh, 0, "four");
    EXPECT_EQ(client_->error, EINVAL);
}

TEST_F(WritableFile, TakesABoundedPartOfAnyWrite) {
    auto const fh = client_->open(node_, O_WRONLY);
    EXPECT_EQ(client_->write(node_, fh, 0, std::string(fs::kMaxReceivedBytes + 1, 'x')),
              fs::kMaxReceivedBytes);
    EXPECT_EQ(received_.size(), fs::kMaxReceivedBytes);
}

TEST_F(WritableFile, ADescriptorForReadingDoesNotWrite) {
    auto const fh = client_->open(node_, O_RDONLY);
    client_->write(node_, fh, 0, "x");
    EXPECT_EQ(client_->error, EBADF);
}

TEST_F(WritableFile, MayBeCutShortInVainButKeepsOwnerAndMode) {
    auto const attr = client_->getattr(node_);
    EXPECT_EQ(attr.mode, S_IFREG | 0660u);
    EXPECT_EQ(attr.uid, 7u);
    EXPECT_EQ(attr.gid, 8u);
    EXPECT_EQ(setattr(abi::kSetSize).error, 0);
    for (auto const change : {abi::kSetMode, abi::kSetUid, abi::kSetGid})
        EXPECT_EQ(setattr(change).error, EPERM);
}

// ---- over a real tree ----

class OverRealTree : public ::testing::Test {
protected:
    OverRealTree() {
        tree_.make_dir("etc");
        tree_.make_dir("empty");
        tree_.write("real", "real");
        tree_.write("hidden", "the real one");
        tree_.write("etc/passwd", "root");
        tree_.write("etc/motd", "the real motd");
        fs::NodeIds ids;
        auto overlay = std::make_unique<OverlayFs>(passthrough(tree_.path(), ids), ids);
        EXPECT_TRUE(overlay->add_file("/hidden", 0644, Content::owned("the virtual one")).ok());
        EXPECT_TRUE(overlay->add_file("/etc/motd", 0644, Content::owned("virtual motd")).ok());
        EXPECT_TRUE(overlay->add_file("/etc/hosts", 0644, Content::owned("hosts")).ok());
        EXPECT_TRUE(overlay->add_dir("/empty/mnt", 0755).ok());
        EXPECT_TRUE(overlay->add_file("/once", 0644, Content::owned("x"), Lifetime::kOneShot).ok());
        client_.emplace(std::move(overlay));
        client_->init();
    }
    std::string on_host(std::string const& name) { return read_file(tree_ / name, 4096).value(); }

    TempDir tree_;
    std::optional<FuseClient> client_;
};

TEST_F(OverRealTree, AVirtualNameHidesTheRealOne) {
    EXPECT_EQ(client_->cat(client_->walk("hidden")), "the virtual one");
    EXPECT_EQ(client_->cat(client_->walk("etc/motd")), "virtual motd");
    EXPECT_EQ(client_->cat(client_->walk("etc/passwd")), "root");
    EXPECT_EQ(on_host("hidden"), "the real one");
}

TEST_F(OverRealTree, ListingsMergeWithoutDuplicates) {
    auto const top = sorted({"hidden", "etc", "empty", "real"});
    auto const etc = sorted({"motd", "hosts", "passwd"});
    for (bool const plus : {false, true})
        for (uint32_t const size : {256u, 400u, 4096u}) {
            EXPECT_EQ(client_->names(1, size, plus), top) << size << plus;
            EXPECT_EQ(client_->names(client_->walk("etc"), size, plus), etc) << size << plus;
        }
}

TEST_F(OverRealTree, ListingsCanContinueFromEachOffset) {
    for (int i = 0; i < 50; ++i) tree_.write("etc/f" + std::to_string(i), "");
    auto const etc = client_->walk("etc");
    auto const all = client_->list(etc);
    ASSERT_EQ(all.size(), 55u);  // 53 names and "." and ".."
    auto const fh = client_->opendir(etc);
    client_->list_once(etc, fh, 0, 1 << 16, false);  // offsets are known once they have been handed out
    std::set<uint64_t> offsets;
    for (size_t i = 0; i < all.size(); ++i) {
        offsets.insert(all[i].dirent.off);
        auto const rest = client_->list_once(etc, fh, all[i].dirent.off, 1 << 16, false);
        ASSERT_EQ(rest.size(), all.size() - i - 1) << i;
        if (!rest.empty()) {
            EXPECT_EQ(rest.front().name, all[i + 1].name);
        }
    }
    EXPECT_EQ(offsets.size(), all.size());
    client_->list_once(etc, fh, 1 << 20, 4096, false);
    EXPECT_EQ(client_->error, EINVAL);
}

TEST_F(OverRealTree, HiddenRealFilesAreNotLeftReferenced) {
    // The listing with attributes looks up "motd" on the host before the overlay hides it.
    auto const etc = client_->walk("etc");
    EXPECT_EQ(client_->names(etc, 4096, true).size(), 3u);
    for (auto const& one : client_->list(etc, 4096, true)) {
        if (one.name == "motd") {
            EXPECT_EQ(one.entry.nodeid, client_->walk("etc/motd"));
        }
    }
}

TEST_F(OverRealTree, ChangesBesideVirtualNamesReachTheHost) {
    auto const etc = client_->walk("etc");
    EXPECT_EQ(client_->send(Opcode::kMkdir, etc, args(abi::MkdirIn{0755, 0}, "new")).error, 0);
    EXPECT_TRUE(std::filesystem::is_directory(tree_ / "etc/new"));
    EXPECT_EQ(client_->send(Opcode::kRename, etc, args(abi::RenameIn{1}, "passwd", "moved")).error, 0);
    EXPECT_EQ(on_host("moved"), "root");
}

TEST_F(OverRealTree, ChangesToVirtualNamesNeverReachTheHost) {
    auto const etc = client_->walk("etc");
    EXPECT_EQ(client_->send(Opcode::kUnlink, etc, args("motd")).error, EPERM);
    EXPECT_EQ(client_->send(Opcode::kRename, 1, args(abi::RenameIn{etc}, "real", "motd")).error, EPERM);
    EXPECT_EQ(
        client_->send(Opcode::kCreate, etc, args(abi::CreateIn{O_RDWR | O_TRUNC, 0644, 0, 0}, "motd")).error,
        EEXIST);
    auto const real = client_->walk("real");
    EXPECT_EQ(client_->send(Opcode::kLink, etc, args(abi::LinkIn{real}, "motd")).error, EEXIST);
    EXPECT_EQ(client_->send(Opcode::kLink, etc, args(abi::LinkIn{client_->walk("hidden")}, "n")).error,
              EPERM);
    EXPECT_EQ(on_host("etc/motd"), "the real motd");
    EXPECT_EQ(on_host("real"), "real");
}

TEST_F(OverRealTree, ADirectoryWithVirtualNamesIsNotEmpty) {
    EXPECT_EQ(client_->send(Opcode::kRmdir, 1, args("empty")).error, ENOTEMPTY);
    tree_.make_dir("other");
    EXPECT_EQ(client_->send(Opcode::kRename, 1, args(abi::RenameIn{1}, "other", "empty")).error, ENOTEMPTY);
    EXPECT_TRUE(std::filesystem::exists(tree_ / "empty"));
}

TEST_F(OverRealTree, VirtualNamesMoveWithTheirDirectory) {
    EXPECT_EQ(client_->send(Opcode::kRename, 1, args(abi::RenameIn{1}, "empty", "renamed")).error, 0);
    EXPECT_NE(client_->walk("renamed/mnt"), 0u);
}

TEST_F(OverRealTree, AForgottenDirectoryKeepsItsVirtualNames) {
    client_->forget(client_->walk("etc"), ~uint64_t{0});
    EXPECT_EQ(client_->cat(client_->walk("etc/motd")), "virtual motd");
    client_->send(Opcode::kDestroy, 0, {});
    client_->init();
    EXPECT_EQ(client_->cat(client_->walk("etc/motd")), "virtual motd");
}

TEST_F(OverRealTree, AConsumedOneShotNameIsFree) {
    client_->cat(client_->walk("once"));
    EXPECT_EQ(client_->send(Opcode::kCreate, 1, args(abi::CreateIn{O_RDWR, 0644, 0, 0}, "once")).error, 0);
    EXPECT_EQ(on_host("once"), "");
}

// ---- grafts ----

class Grafted : public ::testing::Test {
protected:
    Grafted() {
        first_.write("a", "first");
        second_.write("b", "second");
        second_.write("sibling", "not exported");
        fs::NodeIds ids;
        auto rootfs = std::make_unique<OverlayFs>(passthrough(first_.path(), ids), ids);
        EXPECT_TRUE(rootfs->add_dir("/dev", 0755).ok());
        auto overlay = std::make_unique<OverlayFs>(std::make_unique<fs::NullFs>(ids), ids);
        EXPECT_TRUE(overlay->add_graft("/rootfs", std::move(rootfs)).ok());
        EXPECT_TRUE(overlay->add_dir("/binds", 0755).ok());
        fs::PassthroughOptions read_only;
        read_only.read_only = true;
        EXPECT_TRUE(overlay->add_graft("/binds/0", passthrough(second_.path(), ids, read_only)).ok());
        EXPECT_TRUE(overlay->add_graft("/binds/1", passthrough(second_ / "b", ids)).ok());
        client_.emplace(std::move(overlay));
        client_->init();
    }

    TempDir first_;
    TempDir second_;
    std::optional<FuseClient> client_;
};

TEST_F(Grafted, DirectoriesAreAnnouncedAsSubmountsFilesAreNot) {
    EXPECT_EQ(client_->entry(Opcode::kLookup, 1, args("rootfs")).attr.flags, abi::kAttrSubmount);
    auto const binds = client_->lookup(1, "binds");
    EXPECT_EQ(client_->entry(Opcode::kLookup, binds, args("0")).attr.flags, abi::kAttrSubmount);
    EXPECT_EQ(client_->entry(Opcode::kLookup, binds, args("1")).attr.flags, 0u);
}

TEST(Grafting, ASeamlessDirectoryIsAPartOfItsOverlaysFileSystem) {
    TempDir dir;
    fs::NodeIds ids;
    auto overlay = std::make_unique<OverlayFs>(std::make_unique<fs::NullFs>(ids), ids);
    ASSERT_TRUE(overlay->add_graft("/rootfs", passthrough(dir.path(), ids), fs::Joint::kSeamless).ok());
    FuseClient client(std::move(overlay));
    client.init();
    EXPECT_EQ(client.entry(Opcode::kLookup, 1, args("rootfs")).attr.flags, 0u);
    EXPECT_EQ(client.send(Opcode::kSyncfs, 1, args(uint64_t{0})).error, 0);
}

TEST_F(Grafted, EachServesItsOwnTree) {
    EXPECT_EQ(client_->cat(client_->walk("rootfs/a")), "first");
    EXPECT_EQ(client_->cat(client_->walk("binds/0/b")), "second");
    EXPECT_EQ(client_->names(client_->walk("rootfs")), sorted({"a", "dev"}));
    EXPECT_EQ(client_->names(1), sorted({"binds", "rootfs"}));
    EXPECT_EQ(client_->names(client_->walk("binds")), sorted({"0", "1"}));
}

TEST_F(Grafted, ASingleFileIsThatFileAndNothingBesideIt) {
    auto const file = client_->walk("binds/1");
    EXPECT_EQ(client_->cat(file), "second");
    client_->lookup(file, "sibling");
    EXPECT_EQ(client_->error, ENOTDIR);
    client_->opendir(file);
    EXPECT_EQ(client_->error, ENOTDIR);
    auto const fh = client_->open(file, O_RDWR);
    client_->write(file, fh, 0, "SECOND");
    EXPECT_EQ(read_file(second_ / "b", 100).value(), "SECOND");
}

TEST_F(Grafted, NamesDoNotMoveOrLinkAcrossGrafts) {
    auto const rootfs = client_->walk("rootfs");
    auto const bind = client_->walk("binds/0");
    auto const a = client_->walk("rootfs/a");
    // binds/0 is read-only, so the way into it is closed earlier.
    EXPECT_EQ(client_->send(Opcode::kRename, rootfs, args(abi::RenameIn{bind}, "a", "a")).error, EROFS);
    EXPECT_EQ(client_->send(Opcode::kRename, rootfs, args(abi::RenameIn{1}, "a", "a")).error, EXDEV);
    EXPECT_EQ(client_->send(Opcode::kLink, rootfs, args(abi::LinkIn{client_->walk("binds/1")}, "l")).error,
              EXDEV);
    EXPECT_EQ(client_->send(Opcode::kLink, 1, args(abi::LinkIn{a}, "l")).error, EXDEV);
    auto const from = client_->walk("binds/0/b");
    auto const fh_in = client_->open(from, O_RDONLY);
    auto const fh_out = client_->open(a, O_WRONLY);
    EXPECT_EQ(
        client_->send(Opcode::kCopyFileRange, from, args(abi::CopyFileRangeIn{fh_in, 0, a, fh_out, 0, 6, 0}))
            .error,
        EXDEV);
    EXPECT_EQ(read_file(first_ / "a", 100).value(), "first");
}

TEST_F(Grafted, ReadOnlyIsEachGraftsOwn) {
    auto const bind = client_->walk("binds/0");
    EXPECT_EQ(client_->send(Opcode::kMkdir, bind, args(abi::MkdirIn{0755, 0}, "d")).error, EROFS);
    auto const rootfs = client_->walk("rootfs");
    EXPECT_EQ(client_->send(Opcode::kMkdir, rootfs, args(abi::MkdirIn{0755, 0}, "d")).error, 0);
}

TEST_F(Grafted, MountPointsCannotBeRemovedOrRenamed) {
    EXPECT_EQ(client_->send(Opcode::kRmdir, 1, args("rootfs")).error, EPERM);
    EXPECT_EQ(client_->send(Opcode::kRename, 1, args(abi::RenameIn{1}, "rootfs", "r")).error, EPERM);
}

TEST_F(Grafted, ForgettingAGraftsRootKeepsIt) {
    auto const rootfs = client_->walk("rootfs");
    client_->forget(rootfs, ~uint64_t{0});
    EXPECT_EQ(client_->cat(client_->walk("rootfs/a")), "first");
}

}  // namespace krun::test
