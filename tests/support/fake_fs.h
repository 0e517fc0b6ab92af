// SPDX-License-Identifier: Apache-2.0
// A file system that records which op was called and agrees to everything. Not for several threads.
#pragma once
#include <set>
#include <string>
#include <vector>

#include "fs/file_system.h"

namespace krun::test {

class FakeFs final : public fs::FileSystem {
public:
    using NodeId = fs::NodeId;
    using Handle = fs::Handle;
    using Caller = fs::Caller;
    template <class T>
    using FsResult = fs::FsResult<T>;

    static constexpr NodeId kRoot{uint64_t{1} << fs::kPrefixShift | 1};

    std::vector<std::string> calls;
    std::set<NodeId> read_only_nodes;
    Caller last_caller{};
    bool has_locks = false;
    bool has_acls = false;
    bool is_locked = false;  // by somebody else
    uint64_t last_forget = 0;
    size_t last_wanted_bytes = 0;  // by a listing, before its first entry

    NodeId root() const override { return kRoot; }
    void list_prefixes(std::vector<uint16_t>& out) const override { out.push_back(1); }
    bool read_only(NodeId node) const override { return read_only_nodes.contains(node); }
    void destroy() override { calls.push_back("destroy"); }

    FsResult<fs::Entry> lookup(NodeId, std::string_view) override { return entry("lookup"); }
    void forget(NodeId, uint64_t count) override {
        calls.push_back("forget");
        last_forget = count;
    }
    FsResult<fs::Attributes> getattr(NodeId, std::optional<Handle>) override { return attributes("getattr"); }
    FsResult<fs::Attributes> setattr(NodeId, fs::SetAttr const&) override { return attributes("setattr"); }
    FsResult<std::string> readlink(NodeId) override {
        calls.push_back("readlink");
        return std::string("target");
    }
    FsResult<fs::abi::Kstatfs> statfs(NodeId) override {
        calls.push_back("statfs");
        return fs::abi::Kstatfs{};
    }
    FsResult<void> syncfs(NodeId) override { return done("syncfs"); }

    FsResult<fs::Entry> symlink(Caller c, NodeId, std::string_view, std::string_view) override {
        return made(c, "symlink");
    }
    FsResult<fs::Entry> mknod(Caller c, NodeId, std::string_view, uint32_t, uint32_t) override {
        return made(c, "mknod");
    }
    FsResult<fs::Entry> mkdir(Caller c, NodeId, std::string_view, uint32_t) override {
        return made(c, "mkdir");
    }
    FsResult<void> unlink(NodeId, std::string_view) override { return done("unlink"); }
    FsResult<void> rmdir(NodeId, std::string_view) override { return done("rmdir"); }
    FsResult<void> rename(NodeId, std::string_view, NodeId, std::string_view, uint32_t) override {
        return done("rename");
    }
    FsResult<fs::Entry> link(NodeId, NodeId, std::string_view) override { return entry("link"); }

    FsResult<fs::Opened> open(NodeId, fs::OpenArgs) override { return opened("open"); }
    FsResult<fs::Created> create(Caller c, NodeId, std::string_view, fs::CreateArgs) override {
        last_caller = c;
        calls.push_back("create");
        return fs::Created{};
    }
    FsResult<fs::Created> tmpfile(Caller c, NodeId, fs::CreateArgs) override {
        last_caller = c;
        calls.push_back("tmpfile");
        return fs::Created{};
    }
    // Claims to have filled everything it was given, as a file longer than any request would.
    FsResult<size_t> read(NodeId, Handle, uint64_t, std::span<iovec const> into) override {
        calls.push_back("read");
        return bytes_in(into);
    }
    FsResult<size_t> write(NodeId, Handle, fs::WriteArgs, std::span<iovec const> from) override {
        calls.push_back("write");
        return bytes_in(from);
    }
    FsResult<void> flush(NodeId, Handle, uint64_t) override { return done("flush"); }
    FsResult<void> fsync(NodeId, Handle, fs::Sync) override { return done("fsync"); }
    FsResult<void> release(NodeId, Handle) override { return done("release"); }
    bool host_locks() const override { return has_locks; }
    bool posix_acls() const override { return has_acls; }
    FsResult<fs::abi::FileLock> getlk(NodeId, fs::LockArgs const& args) override {
        calls.push_back("getlk");
        return args.lock;
    }
    FsResult<void> setlk(NodeId, fs::LockArgs const&) override {
        calls.push_back("setlk");
        if (is_locked) return fail(Errno{EAGAIN});
        return {};
    }
    FsResult<void> fallocate(NodeId, Handle, fs::FallocateArgs) override { return done("fallocate"); }
    FsResult<uint64_t> lseek(NodeId, Handle, uint64_t offset, uint32_t) override {
        calls.push_back("lseek");
        return offset;
    }
    FsResult<size_t> copy_file_range(fs::CopyArgs const&) override {
        calls.push_back("copy_file_range");
        return size_t{0};
    }

    FsResult<fs::Opened> opendir(NodeId, uint32_t) override { return opened("opendir"); }
    // An endless directory.
    FsResult<void> readdir(NodeId, Handle, uint64_t offset, fs::DirSink& out) override {
        calls.push_back("readdir");
        last_wanted_bytes = out.wanted_bytes();
        while (out.add({1, ++offset, 8, "name"}, fs::Entry{})) continue;
        return {};
    }
    FsResult<void> fsyncdir(NodeId, Handle, fs::Sync) override { return done("fsyncdir"); }
    FsResult<void> releasedir(NodeId, Handle) override { return done("releasedir"); }

    FsResult<size_t> getxattr(NodeId, std::string_view, std::span<std::byte> value) override {
        calls.push_back("getxattr");
        return value.size();
    }
    FsResult<size_t> listxattr(NodeId, std::span<std::byte> names) override {
        calls.push_back("listxattr");
        return names.size();
    }
    FsResult<void> setxattr(NodeId, std::string_view, std::span<std::byte const>, fs::SetxattrArgs) override {
        return done("setxattr");
    }
    FsResult<void> removexattr(NodeId, std::string_view) override { return done("removexattr"); }
    FsResult<void> ioctl(NodeId, uint32_t, std::span<std::byte>) override { return done("ioctl"); }

private:
    static size_t bytes_in(std::span<iovec const> parts) {
        size_t sum = 0;
        for (auto const& part : parts) sum += part.iov_len;
        return sum;
    }
    FsResult<void> done(char const* op) {
        calls.push_back(op);
        return {};
    }
    FsResult<fs::Entry> entry(char const* op) {
        calls.push_back(op);
        return fs::Entry{};
    }
    FsResult<fs::Entry> made(Caller c, char const* op) {
        last_caller = c;
        return entry(op);
    }
    FsResult<fs::Attributes> attributes(char const* op) {
        calls.push_back(op);
        return fs::Attributes{};
    }
    FsResult<fs::Opened> opened(char const* op) {
        calls.push_back(op);
        return fs::Opened{};
    }
};

}  // namespace krun::test
