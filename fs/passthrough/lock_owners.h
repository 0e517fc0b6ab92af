// SPDX-License-Identifier: Apache-2.0
// The descriptors by which the guest's lock owners hold range locks. On the host, open file description locks
// (fcntl(2)) belong to a descriptor: each owner of the guest has one of its own for each file it locks, and
// closing it ends all of the owner's locks on the file, which is what POSIX asks for at close(2). All methods
// may be called from any thread; none blocks.
#pragma once
#include <map>
#include <utility>
#include <vector>

#include "base/mutex.h"
#include "fs/passthrough/host_file.h"

namespace krun::fs {

class LockOwners {
public:
    explicit LockOwners(size_t max_owners) : max_owners_(max_owners) {}

    struct Holder {
        SharedFd fd;
        uint32_t pid;  // the guest's, of who asked first
        uint64_t owner;
    };
    // Null if the owner holds none on that file.
    SharedFd find(NodeId node, uint64_t owner) const EXCLUDES(mutex_);
    // ENOLCK when there are too many. If another thread was faster, its descriptor.
    FsResult<SharedFd> add(NodeId node, uint64_t owner, Handle by, uint32_t pid, SharedFd fd)
        EXCLUDES(mutex_);
    // Those of the file but `owner`.
    std::vector<Holder> others(NodeId node, uint64_t owner) const EXCLUDES(mutex_);
    void drop(NodeId node, uint64_t owner) EXCLUDES(mutex_);
    // An open file that goes takes with it what was locked through it: processes have let go at their
    // close(2).
    void drop_by(NodeId node, Handle by) EXCLUDES(mutex_);
    void clear() EXCLUDES(mutex_);
    size_t size() const EXCLUDES(mutex_);

private:
    struct Row {
        Handle by;
        Holder holder;
    };
    using Key = std::pair<NodeId, uint64_t>;

    size_t const max_owners_;
    mutable Mutex mutex_;
    std::map<Key, Row> rows_ GUARDED_BY(mutex_);
};

}  // namespace krun::fs
