// SPDX-License-Identifier: Apache-2.0
// Which lock owner of a guest waits for which other one. Owners that wait for each other in a circle would do
// so for ever. All methods may be called from any thread.
#pragma once
#include <cstdint>
#include <map>
#include <utility>

#include "base/mutex.h"
#include "fs/node_id.h"

namespace krun::fs {

class LockWaits {
public:
    // `owner` waits for a lock on `node` that `holder` has. False if that closes a circle: then it does not.
    bool add(NodeId node, uint64_t owner, uint64_t holder) EXCLUDES(mutex_) {
        Lock const lock(mutex_);
        waits_.erase({owner, node});
        // Of an owner with several threads that wait one is looked at, as by the kernel for its own locks.
        uint64_t last = holder;
        for (size_t steps = 0; steps <= waits_.size(); ++steps) {
            if (last == owner) return false;
            auto const next = waits_.lower_bound({last, NodeId{0}});
            if (next == waits_.end() || next->first.first != last) break;
            last = next->second;
        }
        waits_.emplace(std::pair(owner, node), holder);
        return true;
    }
    void end(NodeId node, uint64_t owner) EXCLUDES(mutex_) {
        Lock const lock(mutex_);
        waits_.erase({owner, node});
    }
    void clear() EXCLUDES(mutex_) {
        Lock const lock(mutex_);
        waits_.clear();
    }

private:
    Mutex mutex_;
    // As many as requests that wait.
    std::map<std::pair<uint64_t, NodeId>, uint64_t> waits_ GUARDED_BY(mutex_);
};

}  // namespace krun::fs
