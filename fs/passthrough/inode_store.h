// SPDX-License-Identifier: Apache-2.0
// Node id ↔ host file, with the guest's lookup counts.
//
// Holding an O_PATH descriptor for each file the guest remembers is the classic way to run out of them, so
// descriptors are a cache: the least recently used is closed, and opened again below its parent by its last
// known single-component name, proved by FileIdentity to be the same file. A name is a hint, never a path:
// renaming a directory changes no hint but its own. A file without a name (unlinked while remembered) keeps
// its descriptor. A parent stays as long as a hint leads through it.
// All methods may be called from any thread; none blocks.
#pragma once
#include <list>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/mutex.h"
#include "fs/passthrough/inode_table.h"

namespace krun::fs {

class InodeStore {
public:
    struct Limits {
        size_t cached_fds;
        size_t nodes;
    };
    // What was found in directory `parent` under `name`. `fd` may be null.
    struct Found {
        FileIdentity identity;
        mode_t type;  // S_IFMT bits
        NodeId parent;
        std::string_view name;
        SharedFd fd;
    };
    struct Node {
        FileIdentity identity;
        mode_t type;
        SharedFd fd;  // null if it is not cached
    };
    struct Place {
        NodeId parent;
        std::string name;
    };

    InodeStore(NodeIdRange& ids, Limits limits, FileIdentity root, mode_t root_type, UniqueFd root_fd);

    // Adds one lookup reference to the file's node, new or known. ENFILE beyond the limit, and beyond what a
    // slot number can say (inode_rows.h).
    FsResult<NodeId> remember(Found const& found) EXCLUDES(mutex_);
    // The same for a file that has no name (O_TMPFILE) and is found by its descriptor alone.
    FsResult<NodeId> remember_nameless(FileIdentity identity, mode_t type, SharedFd fd) EXCLUDES(mutex_);
    FsResult<Node> find(NodeId node) EXCLUDES(mutex_);
    // Where the node was last seen; ESTALE if it has no name any more.
    FsResult<Place> place(NodeId node) const EXCLUDES(mutex_);
    // Offers a descriptor opened again after eviction.
    void cache(NodeId node, SharedFd fd) EXCLUDES(mutex_);

    // Closes every descriptor that can be opened again and is not in use.
    void evict_all() EXCLUDES(mutex_);

    void forget(NodeId node, uint64_t count) EXCLUDES(mutex_);
    void keep(NodeId node) EXCLUDES(mutex_);
    // Drops every node but the root and those that are kept.
    void forget_all() EXCLUDES(mutex_);

    bool knows(FileIdentity const& identity) const EXCLUDES(mutex_);
    // Whether the content is known by the same mark as the last time (content_mark.h); it is from now on.
    bool is_as_before(NodeId node, uint64_t mark) EXCLUDES(mutex_);
    // The name that a file was moved to.
    void moved(FileIdentity const& identity, NodeId parent, std::string_view name) EXCLUDES(mutex_);
    // A name is gone. If it was the one that the node goes by, `fd` is held until the guest forgets the node.
    void lost(FileIdentity const& identity, NodeId parent, std::string_view name, SharedFd fd)
        EXCLUDES(mutex_);

    size_t node_count() const EXCLUDES(mutex_);
    size_t fd_count() const EXCLUDES(mutex_);

private:
    static constexpr uint32_t kRoot = InodeRows::kRoot;
    // The descriptors that are open: of all that a guest remembers, few.
    struct OpenFd {
        SharedFd fd;
        std::optional<std::list<uint32_t>::iterator> recent;  // set while it may be evicted
    };
    using Dropped = std::vector<SharedFd>;  // closed by the caller after the lock

    static void count_lookup(InodeRow& row);
    void set_place(uint32_t slot, NodeId parent, std::string_view name, Dropped& dropped) REQUIRES(mutex_);
    void set_fd(uint32_t slot, SharedFd fd, Dropped& dropped) REQUIRES(mutex_);
    void drop_fd(uint32_t slot, Dropped& dropped) REQUIRES(mutex_);
    void leave_parent(uint32_t slot, Dropped& dropped) REQUIRES(mutex_);
    void drop_if_unused(uint32_t slot, Dropped& dropped) REQUIRES(mutex_);

    Limits const limits_;
    mutable Mutex mutex_;
    InodeTable table_ GUARDED_BY(mutex_);
    std::unordered_map<uint32_t, OpenFd> fds_ GUARDED_BY(mutex_);  // by slot
    std::list<uint32_t> recent_ GUARDED_BY(mutex_);                // most recently used first
    size_t held_ GUARDED_BY(mutex_) = 0;  // descriptors that are not in recent_, the root's aside
};

}  // namespace krun::fs
