// SPDX-License-Identifier: Apache-2.0
// What a new file is like: files without a name, and who decides its mode, umask or default ACL.
#include <sys/xattr.h>

#include "tests/fs/passthrough_fixture.h"

namespace krun::test {

using abi::Opcode;

// ---- files without a name ----

class Nameless : public HostTree {
protected:
    void make(uint32_t flags = O_RDWR) {
        auto const& reply =
            client_->note(client_->send(Opcode::kTmpfile, 1, args(abi::CreateIn{flags, 0640, 0, 0}, "/")));
        node_ = reply.as<abi::EntryOut>().nodeid;
        attr_ = reply.as<abi::EntryOut>().attr;
        fh_ = reply.as<abi::OpenOut>(sizeof(abi::EntryOut)).fh;
    }
    bool make_or_skip(uint32_t flags = O_RDWR) {
        make(flags);
        return client_->error != EOPNOTSUPP;
    }

    uint64_t node_ = 0;
    uint64_t fh_ = 0;
    abi::Attr attr_{};
};

TEST_F(Nameless, IsAFileLikeAnyOtherThatNobodySees) {
    serve();
    if (!make_or_skip()) GTEST_SKIP() << "skipped: this file system has no O_TMPFILE";
    ASSERT_EQ(client_->error, 0);
    EXPECT_EQ(attr_.nlink, 0u);
    EXPECT_EQ(attr_.mode, S_IFREG | 0640u);
    EXPECT_TRUE(client_->names(1).empty());
    EXPECT_EQ(client_->write(node_, fh_, 0, "hello"), 5u);
    EXPECT_EQ(client_->read(node_, fh_), "hello");
    EXPECT_EQ(client_->getattr(node_).size, 5u);  // without the handle: the node has a descriptor of its own
    client_->release(node_, fh_);
    EXPECT_EQ(client_->getattr(node_).size, 5u);
    auto const before = fs_->cached_fd_count();
    client_->forget(node_, 1);
    EXPECT_EQ(fs_->cached_fd_count(), before - 1);
    client_->getattr(node_);
    EXPECT_EQ(client_->error, ENOENT);
}

TEST_F(Nameless, CanBeGivenANameUnlessItWasAskedNotTo) {
    serve();
    if (!make_or_skip()) GTEST_SKIP() << "skipped: this file system has no O_TMPFILE";
    client_->write(node_, fh_, 0, "text");
    auto const entry = client_->entry(Opcode::kLink, 1, args(abi::LinkIn{node_}, "name"));
    ASSERT_EQ(client_->error, 0);
    EXPECT_EQ(entry.nodeid, node_);
    EXPECT_EQ(entry.attr.nlink, 1u);
    EXPECT_EQ(on_host("name"), "text");
    EXPECT_EQ(client_->lookup(1, "name"), node_);
    make(O_RDWR | O_EXCL);
    EXPECT_EQ(send(Opcode::kLink, 1, args(abi::LinkIn{node_}, "other")), ENOENT);
}

TEST_F(Nameless, HoldAtMostHalfOfTheDescriptorCache) {
    fs::PassthroughOptions options;
    options.max_cached_fds = 8;
    serve(options);
    if (!make_or_skip()) GTEST_SKIP() << "skipped: this file system has no O_TMPFILE";
    for (int i = 1; i < 4; ++i) make();
    EXPECT_EQ(client_->error, 0);
    make();
    EXPECT_EQ(client_->error, ENFILE);
}

TEST_F(Nameless, NeedsWriteAccessAndADirectory) {
    write("f", "x");
    serve();
    if (!make_or_skip()) GTEST_SKIP() << "skipped: this file system has no O_TMPFILE";
    make(O_RDONLY);
    EXPECT_EQ(client_->error, EINVAL);
    auto const file = client_->lookup(1, "f");
    EXPECT_EQ(send(Opcode::kTmpfile, file, args(abi::CreateIn{O_RDWR, 0600, 0, 0}, "/")), ENOTDIR);
}

// ---- mode: umask, or the directory's default ACL ----

// The on-disk form (linux/posix_acl_xattr.h): version 2, then tag, permissions and id of each entry.
static Bytes acl(std::vector<std::array<uint32_t, 3>> const& entries) {
    ByteWriter out;
    out.put(uint32_t{2});
    for (auto const& [tag, permissions, id] : entries)
        out.put(static_cast<uint16_t>(tag)).put(static_cast<uint16_t>(permissions)).put(id);
    return std::move(out).take();
}
static constexpr uint32_t kUserObj = 1, kUser = 2, kGroupObj = 4, kMask = 16, kOther = 32, kNone = 0xffffffff;
static Bytes shared_acl() {
    return acl({{kUserObj, 7, kNone},
                {kUser, 6, 1234},
                {kGroupObj, 5, kNone},
                {kMask, 7, kNone},
                {kOther, 0, kNone}});
}

class NewMode : public HostTree {
protected:
    int set_acl(uint64_t node, char const* name, Bytes const& value, uint32_t extra = 0) {
        abi::SetxattrIn const in{static_cast<uint32_t>(value.size()), 0, extra, 0};
        return send(Opcode::kSetxattr, node, args(in, name, value));
    }
    uint32_t made(uint64_t dir, Opcode opcode, Bytes const& in) {
        return client_->entry(opcode, dir, in).attr.mode & 07777;
    }
};

TEST_F(NewMode, LosesTheCallersUmask) {
    serve();
    EXPECT_EQ(made(1, Opcode::kCreate, args(abi::CreateIn{O_RDWR, 0666, 027, 0}, "file")), 0640u);
    EXPECT_EQ(made(1, Opcode::kMkdir, args(abi::MkdirIn{0777, 022}, "dir")), 0755u);
    EXPECT_EQ(made(1, Opcode::kMknod, args(abi::MknodIn{S_IFIFO | 0666, 0, 077, 0}, "fifo")), 0600u);
    EXPECT_EQ(made(1, Opcode::kCreate, args(abi::CreateIn{O_RDWR, 0666, 0, 0}, "open")), 0666u);
}

TEST_F(NewMode, IsTheDefaultAclsWhateverTheUmask) {
    serve();
    if (set_acl(1, "system.posix_acl_default", shared_acl()) == EOPNOTSUPP)
        GTEST_SKIP() << "skipped: this file system has no ACLs";
    ASSERT_EQ(client_->error, 0);
    EXPECT_EQ(made(1, Opcode::kCreate, args(abi::CreateIn{O_RDWR, 0666, 077, 0}, "file")), 0660u);
    EXPECT_EQ(made(1, Opcode::kMkdir, args(abi::MkdirIn{0777, 077}, "dir")), 0770u);
    auto const dir = client_->lookup(1, "dir");
    auto const inherited = client_->note(
        client_->send(Opcode::kGetxattr, dir, args(abi::GetxattrIn{64, 0}, "system.posix_acl_default")));
    EXPECT_EQ(inherited.body, shared_acl());
}

TEST_F(NewMode, AnAccessAclIsTheModeAndTakesSetgidFromWhoIsNotInTheGroup) {
    write("f", "x");
    serve();
    auto const f = client_->lookup(1, "f");
    EXPECT_EQ(send(Opcode::kGetxattr, f, args(abi::GetxattrIn{64, 0}, "system.posix_acl_access")), ENODATA);
    ASSERT_EQ(::chmod(at("f").c_str(), 02755), 0);
    if (set_acl(f, "system.posix_acl_access", shared_acl()) == EOPNOTSUPP)
        GTEST_SKIP() << "skipped: this file system has no ACLs";
    EXPECT_EQ(host_stat("f").st_mode & 07777, 02770u);
    EXPECT_EQ(set_acl(f, "system.posix_acl_access", shared_acl(), abi::kSetxattrAclKillSgid), 0);
    EXPECT_EQ(host_stat("f").st_mode & 07777, 0770u);
    auto const names = client_->send(Opcode::kListxattr, f, args(abi::GetxattrIn{64, 0})).text();
    EXPECT_EQ(names, std::string("system.posix_acl_access\0", 24));
    EXPECT_EQ(set_acl(f, "system.posix_acl_access", acl({{kUserObj, 7, kNone}})), EINVAL);
    EXPECT_EQ(send(Opcode::kRemovexattr, f, args("system.posix_acl_access")), 0);
    EXPECT_EQ(send(Opcode::kGetxattr, f, args(abi::GetxattrIn{64, 0}, "system.posix_acl_access")), ENODATA);
}

// The guest's kernel asks for an ACL before it lets anybody in: an error would keep everybody out.
TEST_F(NewMode, AFileSystemWithoutAclsHasNone) {
    write("f", "x");
    serve();
    auto const f = client_->lookup(1, "f");
    for (char const* name : {"system.posix_acl_access", "system.posix_acl_default"})
        EXPECT_EQ(send(Opcode::kGetxattr, f, args(abi::GetxattrIn{64, 0}, name)), ENODATA) << name;
}

}  // namespace krun::test
