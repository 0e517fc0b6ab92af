// SPDX-License-Identifier: Apache-2.0
// Serving a tree with virtual names: every op on a name asks first whether the overlay owns it.
#include "fs/overlay/overlay_fs.h"

#include <sys/stat.h>

#include <algorithm>

#include "base/guard.h"

namespace krun::fs {

void OverlayFs::list_prefixes(std::vector<uint16_t>& out) const {
    inner_->list_prefixes(out);
    virtual_->list_prefixes(out);
    for (auto const& graft : grafts_) graft->list_prefixes(out);
}

void OverlayFs::destroy() {
    merged_.clear();
    inner_->destroy();
    virtual_->destroy();
    for (auto const& graft : grafts_) graft->destroy();
}

bool OverlayFs::host_locks() const {
    return inner_->host_locks() ||
           std::any_of(grafts_.begin(), grafts_.end(), [](auto const& graft) { return graft->host_locks(); });
}

bool OverlayFs::posix_acls() const {
    return inner_->posix_acls() ||
           std::any_of(grafts_.begin(), grafts_.end(), [](auto const& graft) { return graft->posix_acls(); });
}

FileSystem* OverlayFs::owner(NodeId node) const {
    auto const prefix = prefix_of(node);
    return prefix < by_prefix_.size() ? by_prefix_[prefix] : nullptr;
}

OverlayFs::Child const* OverlayFs::child(NodeId parent, std::string_view name) const {
    auto const dir = children_.find(parent);
    if (dir == children_.end()) return nullptr;
    auto const found = dir->second.find(name);
    if (found == dir->second.end() || !live(found->second)) return nullptr;
    return &found->second;
}

bool OverlayFs::live(Child const& child) const {
    return child.graft != nullptr || virtual_->live(child.node);
}

FsResult<Entry> OverlayFs::enter(Child const& child) {
    if (child.graft == nullptr) return virtual_->entry(child.node);
    auto const found = TRY(child.graft->getattr(child.node, std::nullopt));
    // The name itself never changes; only a directory can be a mount point.
    Entry entry{child.node, found.attr, kNameValid, found.valid};
    if (S_ISDIR(found.attr.mode) && child.joint == Joint::kSubmount) entry.attr.flags |= abi::kAttrSubmount;
    return entry;
}

FsResult<void> OverlayFs::refuse_virtual(NodeId parent, std::string_view name, int error) const {
    if (guard_stands("virtual") && child(parent, name) != nullptr) return fail(Errno{error});
    return {};
}

// A real directory that virtual names were added to is not empty, whatever the inner file system thinks.
FsResult<void> OverlayFs::refuse_occupied(NodeId parent, std::string_view name) {
    if (!has_real_parents_) return {};
    auto const found = ForwardingFs::lookup(parent, name);
    if (!found.ok() || found.value().node == kNoNode) return {};
    forget(found.value().node, 1);
    if (children_.contains(found.value().node)) return fail(Errno{ENOTEMPTY});
    return {};
}

FsResult<Entry> OverlayFs::lookup(NodeId parent, std::string_view name) {
    if (auto const* found = child(parent, name)) return enter(*found);
    return ForwardingFs::lookup(parent, name);
}

FsResult<Entry> OverlayFs::symlink(Caller caller, NodeId parent, std::string_view name,
                                   std::string_view target) {
    TRY(refuse_virtual(parent, name, EEXIST));
    return ForwardingFs::symlink(caller, parent, name, target);
}

FsResult<Entry> OverlayFs::mknod(Caller caller, NodeId parent, std::string_view name, uint32_t mode,
                                 uint32_t rdev) {
    TRY(refuse_virtual(parent, name, EEXIST));
    return ForwardingFs::mknod(caller, parent, name, mode, rdev);
}

FsResult<Entry> OverlayFs::mkdir(Caller caller, NodeId parent, std::string_view name, uint32_t mode) {
    TRY(refuse_virtual(parent, name, EEXIST));
    return ForwardingFs::mkdir(caller, parent, name, mode);
}

FsResult<Created> OverlayFs::create(Caller caller, NodeId parent, std::string_view name, CreateArgs args) {
    TRY(refuse_virtual(parent, name, EEXIST));
    return ForwardingFs::create(caller, parent, name, args);
}

FsResult<void> OverlayFs::unlink(NodeId parent, std::string_view name) {
    TRY(refuse_virtual(parent, name, EPERM));
    return ForwardingFs::unlink(parent, name);
}

FsResult<void> OverlayFs::rmdir(NodeId parent, std::string_view name) {
    TRY(refuse_virtual(parent, name, EPERM));
    TRY(refuse_occupied(parent, name));
    return ForwardingFs::rmdir(parent, name);
}

FsResult<void> OverlayFs::rename(NodeId parent, std::string_view name, NodeId to, std::string_view new_name,
                                 uint32_t flags) {
    TRY(refuse_virtual(parent, name, EPERM));
    TRY(refuse_virtual(to, new_name, EPERM));
    // An exchange removes no directory; what was added to one moves with it, for it goes by node.
    if ((flags & RENAME_EXCHANGE) == 0) TRY(refuse_occupied(to, new_name));
    return ForwardingFs::rename(parent, name, to, new_name, flags);
}

FsResult<Entry> OverlayFs::link(NodeId node, NodeId to, std::string_view new_name) {
    if (virtual_->owns(node)) return fail(Errno{EPERM});
    TRY(refuse_virtual(to, new_name, EEXIST));
    return ForwardingFs::link(node, to, new_name);
}

FsResult<Opened> OverlayFs::opendir(NodeId node, uint32_t flags) {
    auto const inner = TRY(ForwardingFs::opendir(node, flags));
    if (!children_.contains(node)) return inner;
    auto merged = merged_.open(node, inner);
    if (!merged.ok()) ignore(ForwardingFs::releasedir(node, inner.handle), "the first error is the answer");
    return merged;
}

FsResult<void> OverlayFs::readdir(NodeId node, Handle handle, uint64_t offset, DirSink& out) {
    auto const dir = children_.find(node);
    if (dir == children_.end()) return ForwardingFs::readdir(node, handle, offset, out);
    MergedDirs::Layer layer;
    layer.hidden = [&](std::string_view name) {
        auto const found = dir->second.find(name);
        return found != dir->second.end() && live(found->second);
    };
    for (auto const& [name, child] : dir->second)
        if (child.listed) layer.extras.push_back(TRY(extra(name, child)));
    return merged_.list(*TRY(at(node)), node, handle, offset, layer, out);
}

FsResult<MergedDirs::Extra> OverlayFs::extra(std::string const& name, Child const& child) {
    auto entry = TRY(enter(child));
    auto const ino = entry.attr.ino;
    // A mount point is left to a LOOKUP of its own, which is where the guest's kernel makes the mount.
    if (child.graft != nullptr) entry = Entry{};
    return MergedDirs::Extra{name, ino, child.type, entry};
}

// A guest that syncs a file system names its root, whatever is a part of it.
FsResult<void> OverlayFs::syncfs(NodeId node) {
    auto const inner = ForwardingFs::syncfs(node);
    if (node != root() || seamless_.empty()) return inner;
    for (auto* const graft : seamless_) TRY(graft->syncfs(graft->root()));
    return !inner.ok() && inner.error().value == ENOSYS ? FsResult<void>{} : inner;
}

FsResult<void> OverlayFs::fsyncdir(NodeId node, Handle handle, Sync sync) {
    if (children_.contains(node)) handle = TRY(merged_.inner_handle(node, handle));
    return ForwardingFs::fsyncdir(node, handle, sync);
}

FsResult<void> OverlayFs::releasedir(NodeId node, Handle handle) {
    if (!children_.contains(node)) return ForwardingFs::releasedir(node, handle);
    auto const inner = TRY(merged_.inner_handle(node, handle));
    TRY(merged_.close(node, handle));
    return ForwardingFs::releasedir(node, inner);
}

}  // namespace krun::fs
