// SPDX-License-Identifier: Apache-2.0
#include "fs/passthrough/inode_store.h"

#include <algorithm>
#include <utility>

#include "base/guard.h"

namespace krun::fs {

InodeStore::InodeStore(NodeIdRange& ids, Limits limits, FileIdentity root, mode_t root_type, UniqueFd root_fd)
    : ids_(ids), limits_(limits) {
    Lock const lock(mutex_);
    auto& row = rows_[ids.root()];
    row.identity = root;
    row.type = root_type;
    row.kept = true;
    row.fd = std::make_shared<UniqueFd const>(std::move(root_fd));  // never evicted: it has no parent
    by_identity_.emplace(root, ids.root());
}

FsResult<NodeId> InodeStore::remember(Found const& found) {
    Dropped dropped;
    Lock const lock(mutex_);
    auto const known = by_identity_.find(found.identity);
    // A file of another type is another file: the host gave the number of one that is gone out again.
    if (known != by_identity_.end() && rows_.find(known->second)->second.type == found.type) {
        auto const node = known->second;
        auto& row = rows_.find(node)->second;
        if (row.lookups < UINT64_MAX) ++row.lookups;
        if (node != ids_.root()) set_place(node, row, found.parent, found.name, dropped);
        if (row.fd == nullptr && found.fd != nullptr) set_fd(node, row, found.fd, dropped);
        return node;
    }
    if (rows_.size() >= limits_.nodes && guard_stands("nodes")) return fail(Errno{ENFILE});
    auto const node = ids_.next();
    auto& row = rows_[node];
    row.identity = found.identity;
    row.type = found.type;
    row.lookups = 1;
    by_identity_.insert_or_assign(found.identity, node);
    set_place(node, row, found.parent, found.name, dropped);
    if (found.fd != nullptr) set_fd(node, row, found.fd, dropped);
    return node;
}

FsResult<NodeId> InodeStore::remember_nameless(FileIdentity identity, mode_t type, SharedFd fd) {
    Dropped dropped;
    Lock const lock(mutex_);
    if (rows_.size() >= limits_.nodes || held_ >= limits_.cached_fds / 2) return fail(Errno{ENFILE});
    auto const [known, is_new] = by_identity_.try_emplace(identity, kNoNode);
    if (is_new) known->second = ids_.next();
    auto const node = known->second;
    auto& row = rows_[node];
    row.identity = identity;
    row.type = type;
    ++row.lookups;
    // A node that is known already was a file that is gone, whose number the host has given out again.
    leave_parent(row, dropped);
    drop_fd(row, dropped);
    row.nameless = true;
    set_fd(node, row, std::move(fd), dropped);
    return node;
}

FsResult<InodeStore::Node> InodeStore::find(NodeId node) {
    Lock const lock(mutex_);
    auto const at = rows_.find(node);
    if (at == rows_.end()) return fail(Errno{ENOENT});
    auto const& row = at->second;
    if (row.recent) recent_.splice(recent_.begin(), recent_, *row.recent);
    return Node{row.identity, row.type, row.fd};
}

FsResult<InodeStore::Place> InodeStore::place(NodeId node) const {
    Lock const lock(mutex_);
    auto const at = rows_.find(node);
    if (at == rows_.end()) return fail(Errno{ENOENT});
    if (at->second.parent == kNoNode) return fail(Errno{ESTALE});
    return Place{at->second.parent, at->second.name};
}

void InodeStore::cache(NodeId node, SharedFd fd) {
    Dropped dropped;
    Lock const lock(mutex_);
    auto const at = rows_.find(node);
    if (at != rows_.end() && at->second.fd == nullptr) set_fd(node, at->second, std::move(fd), dropped);
}

void InodeStore::evict_all() {
    Dropped dropped;
    Lock const lock(mutex_);
    while (!recent_.empty()) drop_fd(rows_.find(recent_.back())->second, dropped);
}

void InodeStore::forget(NodeId node, uint64_t count) {
    Dropped dropped;
    Lock const lock(mutex_);
    auto const at = rows_.find(node);
    if (at == rows_.end()) return;
    at->second.lookups -= guard_stands("forget") ? std::min(at->second.lookups, count) : count;
    drop_if_unused(at, dropped);
}

void InodeStore::keep(NodeId node) {
    Lock const lock(mutex_);
    auto const at = rows_.find(node);
    if (at != rows_.end()) at->second.kept = true;
}

void InodeStore::forget_all() {
    Dropped dropped;
    Lock const lock(mutex_);
    std::vector<NodeId> nodes;
    nodes.reserve(rows_.size());
    for (auto& [node, row] : rows_) {
        row.lookups = 0;
        nodes.push_back(node);
    }
    for (auto const node : nodes)
        if (auto const at = rows_.find(node); at != rows_.end()) drop_if_unused(at, dropped);
}

bool InodeStore::knows(FileIdentity const& identity) const {
    Lock const lock(mutex_);
    return by_identity_.contains(identity);
}

void InodeStore::moved(FileIdentity const& identity, NodeId parent, std::string_view name) {
    Dropped dropped;
    Lock const lock(mutex_);
    auto const known = by_identity_.find(identity);
    if (known == by_identity_.end() || known->second == ids_.root()) return;
    set_place(known->second, rows_.find(known->second)->second, parent, name, dropped);
}

void InodeStore::lost(FileIdentity const& identity, NodeId parent, std::string_view name, SharedFd fd) {
    Dropped dropped;
    Lock const lock(mutex_);
    auto const known = by_identity_.find(identity);
    if (known == by_identity_.end()) return;
    auto& row = rows_.find(known->second)->second;
    if (row.parent != parent || row.name != name) return;  // it goes by another of its names
    leave_parent(row, dropped);
    // Half of the cache may be held for files without a name; beyond that they are evicted like all others,
    // and then gone (ESTALE).
    row.nameless = held_ < limits_.cached_fds / 2;
    drop_fd(row, dropped);
    if (fd != nullptr) set_fd(known->second, row, std::move(fd), dropped);
}

size_t InodeStore::node_count() const {
    Lock const lock(mutex_);
    return rows_.size();
}

size_t InodeStore::fd_count() const {
    Lock const lock(mutex_);
    return recent_.size() + held_ + 1;  // and the root's
}

void InodeStore::set_place(NodeId node, Row& row, NodeId parent, std::string_view name, Dropped& dropped) {
    if (row.parent == parent && row.name == name) return;
    auto const above = rows_.find(parent);
    if (above == rows_.end() || parent == node) return;  // forgotten meanwhile: the old place is as good
    ++above->second.hints;                               // before leaving: it may be the same parent
    leave_parent(row, dropped);
    row.parent = parent;
    row.name = name;
    if (!row.nameless) return;
    row.nameless = false;
    auto fd = row.fd;
    drop_fd(row, dropped);
    if (fd != nullptr) set_fd(node, row, std::move(fd), dropped);
}

void InodeStore::set_fd(NodeId node, Row& row, SharedFd fd, Dropped& dropped) {
    row.fd = std::move(fd);
    if (row.nameless) {
        ++held_;
    } else {
        recent_.push_front(node);
        row.recent = recent_.begin();
    }
    // At most half are held, so what is evicted is never what has just been added.
    if (guard_stands("descriptors") && recent_.size() + held_ > limits_.cached_fds && !recent_.empty())
        drop_fd(rows_.find(recent_.back())->second, dropped);
}

void InodeStore::drop_fd(Row& row, Dropped& dropped) {
    if (row.fd == nullptr) return;
    if (row.recent) {
        recent_.erase(*row.recent);
        row.recent.reset();
    } else {
        --held_;
    }
    dropped.push_back(std::move(row.fd));
    row.fd = nullptr;
}

void InodeStore::leave_parent(Row& row, Dropped& dropped) {
    auto const above = rows_.find(row.parent);
    row.parent = kNoNode;
    row.name.clear();
    if (above == rows_.end()) return;
    --above->second.hints;
    // Hints can form a circle when somebody else moves directories around; this row must outlive the walk.
    bool const kept = std::exchange(row.kept, true);
    drop_if_unused(above, dropped);
    row.kept = kept;
}

// Walks up, because the last hint through a parent may have been what kept it.
void InodeStore::drop_if_unused(Rows::iterator at, Dropped& dropped) {
    while (at != rows_.end()) {
        auto& row = at->second;
        if (row.lookups > 0 || row.hints > 0 || row.kept) return;
        auto const above = rows_.find(row.parent);
        drop_fd(row, dropped);
        auto const same = by_identity_.find(row.identity);
        if (same != by_identity_.end() && same->second == at->first) by_identity_.erase(same);
        rows_.erase(at);
        if (above != rows_.end()) --above->second.hints;
        at = above;
    }
}

}  // namespace krun::fs
