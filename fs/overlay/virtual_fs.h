// SPDX-License-Identifier: Apache-2.0
// Files and directories that exist only in memory, by node id: OverlayFs knows their names. Read-only unless
// a file has a Receiver, but not "a read-only file system": opening for write is EACCES and changing anything
// EPERM, as for a file that root may not touch. Nodes are added before serving starts.
#pragma once
#include <sys/stat.h>

#include <atomic>
#include <memory>
#include <variant>
#include <vector>

#include "fs/file_system.h"
#include "fs/handle_table.h"
#include "fs/overlay/content.h"

namespace krun::fs {

enum class Lifetime {
    kPersistent,
    kOneShot,  // gone from the tree after the first OPEN, which alone may read it
};

// What opens it is the guest's kernel; nothing here ever does.
struct Device {
    uint32_t type;  // S_IFCHR, S_IFBLK; or S_IFIFO, without a number
    uint32_t major = 0;
    uint32_t minor = 0;
};

// As the guest sees them.
struct Owner {
    uint32_t uid = 0;
    uint32_t gid = 0;
};

// A directory has no content.
struct VirtualNode {
    uint32_t permissions;
    std::variant<std::monostate, Content, Generator, Exchange, Device> content;
    Lifetime lifetime = Lifetime::kPersistent;
    Owner owner{};

    uint32_t type() const {
        if (auto const* device = std::get_if<Device>(&content)) return device->type;
        return is_directory() ? S_IFDIR : S_IFREG;
    }

    // Its bytes are made when it is opened.
    bool is_computed() const {
        return std::holds_alternative<Generator>(content) || std::holds_alternative<Exchange>(content);
    }
    bool is_directory() const { return std::holds_alternative<std::monostate>(content); }
};

class VirtualFs final : public FileSystem {
public:
    explicit VirtualFs(NodeIds& ids);

    // Not while requests are served.
    NodeId add(VirtualNode node);
    // Whether the node can still be looked up: a one-shot file ends with its first OPEN.
    bool live(NodeId node) const;
    FsResult<Entry> entry(NodeId node) const;
    bool owns(NodeId node) const { return range_.owns(node); }

    NodeId root() const override { return range_.root(); }  // never served: names start in the overlay
    void list_prefixes(std::vector<uint16_t>& out) const override { out.push_back(range_.prefix()); }
    void destroy() override { open_files_.clear(); }

    FsResult<Entry> lookup(NodeId parent, std::string_view name) override;
    FsResult<Attributes> getattr(NodeId node, std::optional<Handle>) override;
    FsResult<Attributes> setattr(NodeId node, SetAttr const& change) override;
    FsResult<std::string> readlink(NodeId) override { return fail(Errno{EINVAL}); }
    FsResult<abi::Kstatfs> statfs(NodeId) override;

    // A new name in a virtual directory has nowhere to be stored.
    FsResult<Entry> symlink(Caller, NodeId, std::string_view, std::string_view) override { return refuse(); }
    FsResult<Entry> mknod(Caller, NodeId, std::string_view, uint32_t, uint32_t) override { return refuse(); }
    FsResult<Entry> mkdir(Caller, NodeId, std::string_view, uint32_t) override { return refuse(); }
    FsResult<Created> create(Caller, NodeId, std::string_view, CreateArgs) override { return refuse(); }
    FsResult<Created> tmpfile(Caller, NodeId, CreateArgs) override { return refuse(); }
    FsResult<Entry> link(NodeId, NodeId, std::string_view) override { return refuse(); }
    FsResult<void> unlink(NodeId, std::string_view) override { return fail(Errno{ENOENT}); }
    FsResult<void> rmdir(NodeId, std::string_view) override { return fail(Errno{ENOENT}); }
    FsResult<void> rename(NodeId, std::string_view, NodeId, std::string_view, uint32_t) override {
        return fail(Errno{ENOENT});
    }

    FsResult<Opened> open(NodeId node, OpenArgs args) override;
    FsResult<size_t> read(NodeId node, Handle handle, uint64_t offset, std::span<iovec const> into) override;
    FsResult<size_t> write(NodeId node, Handle handle, WriteArgs args, std::span<iovec const> from) override;
    FsResult<void> flush(NodeId, Handle, uint64_t) override { return {}; }
    FsResult<void> fsync(NodeId, Handle, Sync) override { return {}; }
    FsResult<void> release(NodeId node, Handle handle) override { return open_files_.remove(node, handle); }
    FsResult<void> fallocate(NodeId, Handle, FallocateArgs) override { return refuse(); }
    FsResult<uint64_t> lseek(NodeId node, Handle handle, uint64_t offset, uint32_t whence) override;
    FsResult<size_t> copy_file_range(CopyArgs const&) override { return fail(Errno{EXDEV}); }

    FsResult<Opened> opendir(NodeId node, uint32_t flags) override;
    FsResult<void> readdir(NodeId node, Handle, uint64_t offset, DirSink& out) override;
    FsResult<void> fsyncdir(NodeId, Handle, Sync) override { return {}; }
    FsResult<void> releasedir(NodeId, Handle) override { return {}; }

    FsResult<size_t> getxattr(NodeId, std::string_view, std::span<std::byte>) override {
        return fail(Errno{ENODATA});
    }
    FsResult<size_t> listxattr(NodeId, std::span<std::byte>) override { return size_t{0}; }
    FsResult<void> setxattr(NodeId, std::string_view, std::span<std::byte const>, SetxattrArgs) override {
        return refuse();
    }
    FsResult<void> removexattr(NodeId, std::string_view) override { return refuse(); }

private:
    struct Stored {
        explicit Stored(VirtualNode n) : node(std::move(n)) {}
        VirtualNode node;  // content is moved out by the one OPEN that takes a one-shot file
        std::atomic<uint64_t> size_bytes{0};  // of computed ones as last opened
        std::atomic<bool> taken{false};
    };

    struct OpenFile {
        Content content;
        bool writable;
    };

    static Failure<Errno> refuse() { return fail(Errno{EPERM}); }
    FsResult<Stored*> find(NodeId node) const;
    FsResult<Content> take_content(Stored& stored, uint32_t open_flags) const;
    abi::Attr attr_of(NodeId node, Stored const& stored) const;

    NodeIdRange range_;
    uint64_t const born_s_;  // the time of every virtual file, seconds since the epoch
    std::vector<std::unique_ptr<Stored>> nodes_;
    HandleTable<OpenFile const> open_files_;
};

}  // namespace krun::fs
