// SPDX-License-Identifier: Apache-2.0
#include "fs/passthrough/lock_owners.h"

namespace krun::fs {

SharedFd LockOwners::find(NodeId node, uint64_t owner) const {
    Lock const lock(mutex_);
    auto const row = rows_.find({node, owner});
    return row == rows_.end() ? nullptr : row->second.holder.fd;
}

FsResult<SharedFd> LockOwners::add(NodeId node, uint64_t owner, Handle by, uint32_t pid, SharedFd fd) {
    Lock const lock(mutex_);
    auto const known = rows_.find({node, owner});
    if (known != rows_.end()) return SharedFd(known->second.holder.fd);
    if (rows_.size() >= max_owners_) return fail(Errno{ENOLCK});
    rows_.emplace(Key{node, owner}, Row{by, {fd, pid, owner}});
    return fd;
}

std::vector<LockOwners::Holder> LockOwners::others(NodeId node, uint64_t owner) const {
    Lock const lock(mutex_);
    std::vector<Holder> all;
    for (auto row = rows_.lower_bound({node, 0}); row != rows_.end() && row->first.first == node; ++row)
        if (row->first.second != owner) all.push_back(row->second.holder);
    return all;
}

void LockOwners::drop(NodeId node, uint64_t owner) {
    decltype(rows_)::node_type dropped;  // closed after the lock
    Lock const lock(mutex_);
    dropped = rows_.extract({node, owner});
}

void LockOwners::drop_by(NodeId node, Handle by) {
    std::vector<decltype(rows_)::node_type> dropped;
    Lock const lock(mutex_);
    for (auto row = rows_.lower_bound({node, 0}); row != rows_.end() && row->first.first == node;) {
        auto const at = row++;
        if (at->second.by == by) dropped.push_back(rows_.extract(at));
    }
}

void LockOwners::clear() {
    decltype(rows_) dropped;
    Lock const lock(mutex_);
    dropped.swap(rows_);
}

size_t LockOwners::size() const {
    Lock const lock(mutex_);
    return rows_.size();
}

}  // namespace krun::fs
