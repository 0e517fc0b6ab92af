// SPDX-License-Identifier: Apache-2.0
// Handle number ↔ open thing. Numbers are never reused, so a handle kept after RELEASE finds nothing. Each
// is tied to its node: a handle used with another node is EBADF. All methods may be called from any thread.
#pragma once
#include <memory>
#include <unordered_map>
#include <utility>

#include "base/guard.h"
#include "base/mutex.h"
#include "fs/file_system.h"

namespace krun::fs {

template <class T>
class HandleTable {
public:
    explicit HandleTable(size_t max_handles) : max_handles_(max_handles) {}

    // ENFILE when the table is full: the guest chooses how much it opens, the host how much that may cost.
    FsResult<Handle> add(NodeId node, std::shared_ptr<T> open) EXCLUDES(mutex_) {
        Lock const lock(mutex_);
        if (rows_.size() >= max_handles_) return fail(Errno{ENFILE});
        auto const number = next_++;
        rows_.emplace(number, Row{node, std::move(open)});
        newest_[node] = number;
        return Handle{number};
    }

    // Shared, because another thread may release the handle while this one still uses it.
    FsResult<std::shared_ptr<T>> get(NodeId node, Handle handle) const EXCLUDES(mutex_) {
        Lock const lock(mutex_);
        auto const row = rows_.find(static_cast<uint64_t>(handle));
        if (row == rows_.end() || (guard_stands("handle") && row->second.node != node))
            return fail(Errno{EBADF});
        return row->second.open;
    }

    // What was opened last of this node, null if that has been removed: an aid, which may miss others.
    std::shared_ptr<T> newest_of(NodeId node) const EXCLUDES(mutex_) {
        Lock const lock(mutex_);
        auto const newest = newest_.find(node);
        return newest == newest_.end() ? nullptr : rows_.at(newest->second).open;
    }

    FsResult<void> remove(NodeId node, Handle handle) EXCLUDES(mutex_) {
        std::shared_ptr<T> dropped;  // closed after the lock
        Lock const lock(mutex_);
        auto const row = rows_.find(static_cast<uint64_t>(handle));
        if (row == rows_.end() || row->second.node != node) return fail(Errno{EBADF});
        auto const newest = newest_.find(node);
        if (newest != newest_.end() && newest->second == row->first) newest_.erase(newest);
        dropped = std::move(row->second.open);
        rows_.erase(row);
        return {};
    }

    void clear() EXCLUDES(mutex_) {
        std::unordered_map<uint64_t, Row> dropped;
        Lock const lock(mutex_);
        newest_.clear();
        dropped.swap(rows_);
    }

    size_t size() const EXCLUDES(mutex_) {
        Lock const lock(mutex_);
        return rows_.size();
    }

private:
    struct Row {
        NodeId node;
        std::shared_ptr<T> open;
    };

    size_t const max_handles_;
    mutable Mutex mutex_;
    uint64_t next_ GUARDED_BY(mutex_) = 1;  // 0 is what the guest sends when it has none
    std::unordered_map<uint64_t, Row> rows_ GUARDED_BY(mutex_);
    std::unordered_map<NodeId, uint64_t> newest_ GUARDED_BY(mutex_);
};

}  // namespace krun::fs
