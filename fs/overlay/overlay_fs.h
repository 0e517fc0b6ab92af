// SPDX-License-Identifier: Apache-2.0
// Lays virtual files, virtual directories and whole other file systems (grafts) over a file system that
// knows nothing of them. A virtual name hides a real one of the same name. The tree is built with add_…
// before serving starts and does not change afterwards, so serving takes no lock.
#pragma once
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/error.h"
#include "fs/forwarding_fs.h"
#include "fs/overlay/content.h"
#include "fs/overlay/merged_dirs.h"
#include "fs/overlay/virtual_fs.h"

namespace krun::fs {

// What a guest makes of a graft that is a directory.
enum class Joint {
    kSubmount,  // a mount with a device number of its own: inode numbers of two file systems never mix
    // A part of the overlay's own file system. Linux 6.12 gives only the one that was mounted, and no
    // submount, POSIX ACLs, and SB_NOSEC, without which each write(2) asks for file capabilities.
    kSeamless,
};

class OverlayFs final : public ForwardingFs {
public:
    OverlayFs(std::unique_ptr<FileSystem> inner, NodeIds& ids);
    ~OverlayFs() override;

    // Each add_… takes a path of one or more components separated by single '/', with or without a leading
    // one; components are any bytes but '/' and NUL. The parent may be a virtual directory, or a real one of
    // the inner file system or of a graft; symbolic links are not followed. `mode` is the permission bits.
    //
    // Errors carry the errno that says why: EINVAL for an empty component, "." or "..", ENAMETOOLONG,
    // ENOENT for a missing parent, ENOTDIR for a parent that is no directory, EEXIST for a virtual name that
    // is taken. On an error nothing was added. None of these functions may run while requests are served.
    Result<void> add_file(std::string_view path, uint32_t mode, Content content,
                          Lifetime lifetime = Lifetime::kPersistent, Owner owner = {});
    Result<void> add_generated_file(std::string_view path, uint32_t mode, Generator generate,
                                    Owner owner = {});
    Result<void> add_writable_file(std::string_view path, uint32_t mode, Exchange exchange, Owner owner = {});
    Result<void> add_dir(std::string_view path, uint32_t mode, Owner owner = {});
    Result<void> add_device(std::string_view path, uint32_t mode, Device device, Owner owner = {});
    // Serves `graft`'s root at `path`.
    Result<void> add_graft(std::string_view path, std::unique_ptr<FileSystem> graft,
                           Joint joint = Joint::kSubmount);

    NodeId root() const override { return inner_->root(); }
    void list_prefixes(std::vector<uint16_t>& out) const override;
    void destroy() override;
    bool host_locks() const override;
    bool posix_acls() const override;

    FsResult<Entry> lookup(NodeId parent, std::string_view name) override;
    FsResult<Entry> symlink(Caller, NodeId, std::string_view, std::string_view) override;
    FsResult<Entry> mknod(Caller, NodeId, std::string_view, uint32_t, uint32_t) override;
    FsResult<Entry> mkdir(Caller, NodeId, std::string_view, uint32_t) override;
    FsResult<void> unlink(NodeId, std::string_view) override;
    FsResult<void> rmdir(NodeId, std::string_view) override;
    FsResult<void> rename(NodeId, std::string_view, NodeId, std::string_view, uint32_t) override;
    FsResult<Entry> link(NodeId, NodeId, std::string_view) override;
    FsResult<Created> create(Caller, NodeId, std::string_view, CreateArgs) override;

    FsResult<Opened> opendir(NodeId, uint32_t) override;
    FsResult<void> readdir(NodeId, Handle, uint64_t, DirSink&) override;
    FsResult<void> syncfs(NodeId) override;
    FsResult<void> fsyncdir(NodeId, Handle, Sync) override;
    FsResult<void> releasedir(NodeId, Handle) override;

protected:
    FileSystem* owner(NodeId node) const override;

private:
    // A name that this overlay added to a directory.
    struct Child {
        NodeId node;
        uint32_t type;      // DT_*
        bool listed;        // one-shot names are not
        FileSystem* graft;  // null for a virtual file or directory
        Joint joint = Joint::kSubmount;
    };
    using Children = std::map<std::string, Child, std::less<>>;

    struct Place {
        NodeId parent;
        std::string_view name;
    };

    // Building (overlay_tree.cc).
    void route(FileSystem& fs);
    Result<Place> place(std::string_view path);
    Result<NodeId> step(std::string_view path, NodeId parent, std::string_view name);
    void insert(Place const& place, Child const& child);
    Result<void> add_virtual(std::string_view path, VirtualNode node);

    // Serving. child() is the live virtual child of that name, or null: a consumed one-shot file is not live.
    Child const* child(NodeId parent, std::string_view name) const;
    bool live(Child const& child) const;
    FsResult<Entry> enter(Child const& child);
    FsResult<MergedDirs::Extra> extra(std::string const& name, Child const& child);
    FsResult<void> refuse_virtual(NodeId parent, std::string_view name, int error) const;
    FsResult<void> refuse_occupied(NodeId parent, std::string_view name);

    // Which names exist never changes while serving, so the guest need not ask again soon.
    static constexpr Validity kNameValid = std::chrono::hours(24 * 365);

    std::unique_ptr<FileSystem> inner_;
    std::unique_ptr<VirtualFs> virtual_;
    std::vector<std::unique_ptr<FileSystem>> grafts_;
    std::vector<FileSystem*> seamless_;  // of these
    std::vector<FileSystem*> by_prefix_;
    std::unordered_map<NodeId, Children> children_;
    bool has_real_parents_ = false;  // names were added to directories that are not virtual
    MergedDirs merged_;
};

}  // namespace krun::fs
