// SPDX-License-Identifier: Apache-2.0
// A file system that is one empty directory: the root of a tree in which everything is virtual.
#pragma once
#include "fs/file_system.h"

namespace krun::fs {

class NullFs final : public FileSystem {
public:
    explicit NullFs(NodeIds& ids) : range_(ids.claim()) {}

    NodeId root() const override { return range_.root(); }
    void list_prefixes(std::vector<uint16_t>& out) const override { out.push_back(range_.prefix()); }

    FsResult<Entry> lookup(NodeId, std::string_view) override;
    FsResult<Attributes> getattr(NodeId node, std::optional<Handle>) override;
    FsResult<Attributes> setattr(NodeId, SetAttr const&) override { return fail(Errno{EPERM}); }
    FsResult<abi::Kstatfs> statfs(NodeId) override;
    FsResult<Entry> symlink(Caller, NodeId, std::string_view, std::string_view) override { return refuse(); }
    FsResult<Entry> mknod(Caller, NodeId, std::string_view, uint32_t, uint32_t) override { return refuse(); }
    FsResult<Entry> mkdir(Caller, NodeId, std::string_view, uint32_t) override { return refuse(); }
    FsResult<Created> create(Caller, NodeId, std::string_view, CreateArgs) override { return refuse(); }
    FsResult<Created> tmpfile(Caller, NodeId, CreateArgs) override { return refuse(); }
    FsResult<void> unlink(NodeId, std::string_view) override { return fail(Errno{ENOENT}); }
    FsResult<void> rmdir(NodeId, std::string_view) override { return fail(Errno{ENOENT}); }
    FsResult<Opened> opendir(NodeId node, uint32_t flags) override;
    FsResult<void> readdir(NodeId node, Handle, uint64_t offset, DirSink& out) override;
    FsResult<void> releasedir(NodeId, Handle) override { return {}; }
    FsResult<size_t> getxattr(NodeId, std::string_view, std::span<std::byte>) override {
        return fail(Errno{ENODATA});
    }
    FsResult<size_t> listxattr(NodeId, std::span<std::byte>) override { return size_t{0}; }

private:
    static Failure<Errno> refuse() { return fail(Errno{EPERM}); }

    NodeIdRange const range_;
};

}  // namespace krun::fs
