// SPDX-License-Identifier: Apache-2.0
#include "fs/passthrough/inode_store.h"

#include <algorithm>
#include <utility>

#include "base/guard.h"

namespace krun::fs {

InodeStore::InodeStore(NodeIdRange& ids, Limits limits, FileIdentity root, mode_t root_type, UniqueFd root_fd)
    : limits_(limits), table_(ids, root, root_type) {
    Lock const lock(mutex_);
    table_[kRoot].kept = 1;
    table_[kRoot].has_fd = 1;
    // Never evicted: it has no parent.
    fds_[kRoot].fd = std::make_shared<UniqueFd const>(std::move(root_fd));
}

void InodeStore::count_lookup(InodeRow& row) {
    if (row.lookups < UINT32_MAX) ++row.lookups;
}

FsResult<NodeId> InodeStore::remember(Found const& found) {
    Dropped dropped;
    Lock const lock(mutex_);
    uint32_t slot = table_.find(found.identity);
    // A file of another type is another file: the host gave the number of one that is gone out again.
    bool const is_other = slot != 0 && table_.type_of(slot) != found.type;
    if (slot == 0 || is_other) {
        if (table_.size() >= limits_.nodes && guard_stands("nodes")) return fail(Errno{ENFILE});
        if (is_other) table_.unindex(slot);
        slot = table_.add(found.identity, found.type);
        if (slot == 0) return fail(Errno{ENFILE});
    }
    count_lookup(table_[slot]);
    if (slot != kRoot) set_place(slot, found.parent, found.name, dropped);
    if (!table_[slot].has_fd && found.fd != nullptr) set_fd(slot, found.fd, dropped);
    return table_.id_of(slot);
}

FsResult<NodeId> InodeStore::remember_nameless(FileIdentity identity, mode_t type, SharedFd fd) {
    Dropped dropped;
    Lock const lock(mutex_);
    if (table_.size() >= limits_.nodes || held_ >= limits_.cached_fds / 2) return fail(Errno{ENFILE});
    // A node that is known already was a file that is gone, whose number the host has given out again.
    if (uint32_t const gone = table_.find(identity); gone != 0) table_.unindex(gone);
    uint32_t const slot = table_.add(identity, type);
    if (slot == 0) return fail(Errno{ENFILE});
    count_lookup(table_[slot]);
    table_[slot].nameless = 1;
    set_fd(slot, std::move(fd), dropped);
    return table_.id_of(slot);
}

FsResult<InodeStore::Node> InodeStore::find(NodeId node) {
    Lock const lock(mutex_);
    uint32_t const slot = table_.slot_of(node);
    if (slot == 0) return fail(Errno{ENOENT});
    Node out{table_.identity_of(slot), table_.type_of(slot), nullptr};
    if (!table_[slot].has_fd) return out;
    auto& open = fds_.find(slot)->second;
    if (open.recent) recent_.splice(recent_.begin(), recent_, *open.recent);
    out.fd = open.fd;
    return out;
}

FsResult<InodeStore::Place> InodeStore::place(NodeId node) const {
    Lock const lock(mutex_);
    uint32_t const slot = table_.slot_of(node);
    if (slot == 0) return fail(Errno{ENOENT});
    auto const& row = table_[slot];
    if (row.parent == 0) return fail(Errno{ESTALE});
    return Place{table_.id_of(row.parent), std::string(row.name.view())};
}

void InodeStore::cache(NodeId node, SharedFd fd) {
    Dropped dropped;
    Lock const lock(mutex_);
    uint32_t const slot = table_.slot_of(node);
    if (slot != 0 && !table_[slot].has_fd) set_fd(slot, std::move(fd), dropped);
}

void InodeStore::evict_all() {
    Dropped dropped;
    Lock const lock(mutex_);
    while (!recent_.empty()) drop_fd(recent_.back(), dropped);
}

void InodeStore::forget(NodeId node, uint64_t count) {
    Dropped dropped;
    Lock const lock(mutex_);
    uint32_t const slot = table_.slot_of(node);
    if (slot == 0) return;
    auto& row = table_[slot];
    if (row.lookups == UINT32_MAX) return;  // how many there were is not known any more
    auto const given_back = guard_stands("forget") ? std::min<uint64_t>(row.lookups, count) : count;
    row.lookups -= static_cast<uint32_t>(given_back);
    drop_if_unused(slot, dropped);
}

void InodeStore::keep(NodeId node) {
    Lock const lock(mutex_);
    if (uint32_t const slot = table_.slot_of(node); slot != 0) table_[slot].kept = 1;
}

void InodeStore::forget_all() {
    Dropped dropped;
    Lock const lock(mutex_);
    std::vector<uint32_t> slots;
    slots.reserve(table_.size());
    table_.for_each([&](uint32_t slot) { slots.push_back(slot); });
    for (uint32_t const slot : slots) table_[slot].lookups = 0;
    for (uint32_t const slot : slots)
        if (table_.is_used(slot)) drop_if_unused(slot, dropped);
}

bool InodeStore::is_as_before(NodeId node, uint64_t mark) {
    Lock const lock(mutex_);
    uint32_t const slot = table_.slot_of(node);
    if (slot == 0) return false;
    auto& row = table_[slot];
    bool const same = mark != 0 && row.content() == mark;
    row.set_content(mark);
    return same;
}

bool InodeStore::knows(FileIdentity const& identity) const {
    Lock const lock(mutex_);
    return table_.find(identity) != 0;
}

void InodeStore::moved(FileIdentity const& identity, NodeId parent, std::string_view name) {
    Dropped dropped;
    Lock const lock(mutex_);
    uint32_t const slot = table_.find(identity);
    if (slot != 0 && slot != kRoot) set_place(slot, parent, name, dropped);
}

void InodeStore::lost(FileIdentity const& identity, NodeId parent, std::string_view name, SharedFd fd) {
    Dropped dropped;
    Lock const lock(mutex_);
    uint32_t const slot = table_.find(identity);
    if (slot == 0) return;
    auto& row = table_[slot];
    // It goes by another of its names.
    if (row.parent == 0 || row.parent != table_.slot_of(parent) || row.name.view() != name) return;
    leave_parent(slot, dropped);
    // Half of the cache may be held for files without a name; beyond that they are evicted like all others,
    // and then gone (ESTALE).
    row.nameless = held_ < limits_.cached_fds / 2 ? 1 : 0;
    drop_fd(slot, dropped);
    if (fd != nullptr) set_fd(slot, std::move(fd), dropped);
}

size_t InodeStore::node_count() const {
    Lock const lock(mutex_);
    return table_.size();
}

size_t InodeStore::fd_count() const {
    Lock const lock(mutex_);
    return fds_.size();
}

void InodeStore::set_place(uint32_t slot, NodeId parent, std::string_view name, Dropped& dropped) {
    uint32_t const above = table_.slot_of(parent);
    auto& row = table_[slot];
    if (row.parent != 0 && row.parent == above && row.name.view() == name) return;
    if (above == 0 || above == slot) return;  // forgotten meanwhile: the old place is as good
    ++table_[above].hints;                    // before leaving: it may be the same parent
    leave_parent(slot, dropped);
    row.parent = above;
    row.name.assign(name);
    if (!row.nameless) return;
    row.nameless = 0;
    if (!row.has_fd) return;
    auto fd = fds_.find(slot)->second.fd;
    drop_fd(slot, dropped);
    set_fd(slot, std::move(fd), dropped);
}

void InodeStore::set_fd(uint32_t slot, SharedFd fd, Dropped& dropped) {
    auto& open = fds_[slot];
    open.fd = std::move(fd);
    table_[slot].has_fd = 1;
    if (table_[slot].nameless) {
        ++held_;
    } else {
        recent_.push_front(slot);
        open.recent = recent_.begin();
    }
    // At most half are held, so what is evicted is never what has just been added.
    if (guard_stands("descriptors") && recent_.size() + held_ > limits_.cached_fds && !recent_.empty())
        drop_fd(recent_.back(), dropped);
}

void InodeStore::drop_fd(uint32_t slot, Dropped& dropped) {
    if (!table_[slot].has_fd) return;
    auto const at = fds_.find(slot);
    if (at->second.recent)
        recent_.erase(*at->second.recent);
    else
        --held_;
    dropped.push_back(std::move(at->second.fd));
    fds_.erase(at);
    table_[slot].has_fd = 0;
}

void InodeStore::leave_parent(uint32_t slot, Dropped& dropped) {
    auto& row = table_[slot];
    uint32_t const above = std::exchange(row.parent, 0);
    row.name.clear();
    if (above == 0) return;
    --table_[above].hints;
    // Hints can form a circle when somebody else moves directories around; this row must outlive the walk.
    bool const kept = row.kept;
    row.kept = 1;
    drop_if_unused(above, dropped);
    row.kept = kept ? 1 : 0;
}

// Walks up, because the last hint through a parent may have been what kept it.
void InodeStore::drop_if_unused(uint32_t slot, Dropped& dropped) {
    while (slot != 0) {
        auto& row = table_[slot];
        if (row.lookups > 0 || row.hints > 0 || row.kept) return;
        uint32_t const above = row.parent;
        drop_fd(slot, dropped);
        table_.remove(slot);
        if (above != 0) --table_[above].hints;
        slot = above;
    }
}

}  // namespace krun::fs
