// SPDX-License-Identifier: Apache-2.0
// Read-only is the server's word, not the guest's mount flag: each way to write, in raw requests, on a node
// of a read-only tree, is EROFS and reaches no file system.
#include <gtest/gtest.h>
#include <linux/fs.h>
#include <sys/stat.h>

#include "tests/support/fake_fs.h"
#include "tests/support/fuse_client.h"

namespace krun::test {

using abi::Opcode;

namespace {

uint64_t const kReadOnly = static_cast<uint64_t>(FakeFs::kRoot) + 1;
uint64_t const kWritable = static_cast<uint64_t>(FakeFs::kRoot) + 2;

struct WritingRequest {
    std::string what;
    Opcode opcode;
    uint64_t node;
    Bytes in;
};

std::vector<WritingRequest> writing_requests() {
    std::vector<WritingRequest> all = {
        {"SYMLINK", Opcode::kSymlink, kReadOnly, args("n", "t")},
        {"MKNOD", Opcode::kMknod, kReadOnly, args(abi::MknodIn{S_IFREG | 0644, 0, 0, 0}, "n")},
        {"MKDIR", Opcode::kMkdir, kReadOnly, args(abi::MkdirIn{0755, 0}, "n")},
        {"UNLINK", Opcode::kUnlink, kReadOnly, args("n")},
        {"RMDIR", Opcode::kRmdir, kReadOnly, args("n")},
        {"RENAME out", Opcode::kRename, kReadOnly, args(abi::RenameIn{kWritable}, "a", "b")},
        {"RENAME in", Opcode::kRename, kWritable, args(abi::RenameIn{kReadOnly}, "a", "b")},
        {"RENAME2 exchange", Opcode::kRename2, kReadOnly, args(abi::Rename2In{kReadOnly, 2, 0}, "a", "b")},
        {"RENAME2 in", Opcode::kRename2, kWritable, args(abi::Rename2In{kReadOnly, 0, 0}, "a", "b")},
        {"LINK", Opcode::kLink, kReadOnly, args(abi::LinkIn{kWritable}, "n")},
        {"WRITE", Opcode::kWrite, kReadOnly, args(abi::WriteIn{1, 0, 1, 0, 0, 0, 0}, Bytes(1))},
        {"CREATE", Opcode::kCreate, kReadOnly, args(abi::CreateIn{O_RDWR, 0644, 0, 0}, "n")},
        {"CREATE for reading", Opcode::kCreate, kReadOnly, args(abi::CreateIn{O_RDONLY, 0644, 0, 0}, "n")},
        {"TMPFILE", Opcode::kTmpfile, kReadOnly, args(abi::CreateIn{O_RDWR, 0644, 0, 0}, "/")},
        {"IOCTL setflags", Opcode::kIoctl, kReadOnly,
         args(abi::IoctlIn{1, 0, FS_IOC_SETFLAGS, 0, 4, 0}, Bytes(4))},
        {"IOCTL fssetxattr", Opcode::kIoctl, kReadOnly,
         args(abi::IoctlIn{1, 0, FS_IOC_FSSETXATTR, 0, 28, 0}, Bytes(28))},
        {"RENAME2 whiteout", Opcode::kRename2, kReadOnly, args(abi::Rename2In{kReadOnly, 4, 0}, "a", "b")},
        {"SETXATTR of an ACL", Opcode::kSetxattr, kReadOnly,
         args(abi::SetxattrIn{1, 0, 0, 0}, "system.posix_acl_access", Bytes(1))},
        {"SETXATTR", Opcode::kSetxattr, kReadOnly, args(abi::SetxattrIn{1, 0, 0, 0}, "user.x", Bytes(1))},
        {"REMOVEXATTR", Opcode::kRemovexattr, kReadOnly, args("user.x")},
        {"FALLOCATE", Opcode::kFallocate, kReadOnly, args(abi::FallocateIn{1, 0, 1, 0, 0})},
        {"COPY_FILE_RANGE", Opcode::kCopyFileRange, kWritable,
         args(abi::CopyFileRangeIn{1, 0, kReadOnly, 1, 0, 1, 0})},
    };
    for (uint32_t bit = 0; bit < 12; ++bit) {
        abi::SetattrIn in{};
        in.valid = 1u << bit;
        all.push_back({"SETATTR bit " + std::to_string(bit), Opcode::kSetattr, kReadOnly, args(in)});
    }
    for (int const flags : {O_WRONLY, O_RDWR, O_ACCMODE, O_RDONLY | O_TRUNC, O_WRONLY | O_APPEND})
        all.push_back({"OPEN " + std::to_string(flags), Opcode::kOpen, kReadOnly,
                       args(abi::OpenIn{static_cast<uint32_t>(flags), 0})});
    return all;
}

}  // namespace

TEST(ReadOnlyGate, RefusesEachWayToWriteBeforeTheFileSystem) {
    auto* const fs = new FakeFs;
    fs->read_only_nodes = {fs::NodeId{kReadOnly}};
    FuseClient client{std::unique_ptr<fs::FileSystem>(fs)};
    client.init();
    for (auto const& request : writing_requests())
        EXPECT_EQ(client.send(request.opcode, request.node, request.in).error, EROFS) << request.what;
    EXPECT_TRUE(fs->calls.empty()) << fs->calls.front();
}

// The same requests are served when the tree is writable: so the test above fails for no other reason.
TEST(ReadOnlyGate, LetsTheSameRequestsThroughOnAWritableTree) {
    auto* const fs = new FakeFs;
    FuseClient client{std::unique_ptr<fs::FileSystem>(fs)};
    client.init();
    auto const requests = writing_requests();
    for (auto const& request : requests)
        EXPECT_EQ(client.send(request.opcode, request.node, request.in).error, 0) << request.what;
    EXPECT_EQ(fs->calls.size(), requests.size());
}

TEST(ReadOnlyGate, LetsReadingThrough) {
    auto* const fs = new FakeFs;
    fs->read_only_nodes = {fs::NodeId{kReadOnly}};
    FuseClient client{std::unique_ptr<fs::FileSystem>(fs)};
    client.init();
    EXPECT_EQ(client.send(Opcode::kOpen, kReadOnly, args(abi::OpenIn{O_RDONLY, 0})).error, 0);
    EXPECT_EQ(
        client.send(Opcode::kIoctl, kReadOnly, args(abi::IoctlIn{1, 0, FS_IOC_GETFLAGS, 0, 0, 4})).error, 0);
    EXPECT_EQ(client.send(Opcode::kRead, kReadOnly, args(abi::ReadIn{1, 0, 8, 0, 0, 0, 0})).error, 0);
    EXPECT_EQ(
        client
            .send(Opcode::kCopyFileRange, kReadOnly, args(abi::CopyFileRangeIn{1, 0, kWritable, 1, 0, 1, 0}))
            .error,
        0);
}

}  // namespace krun::test
