// SPDX-License-Identifier: Apache-2.0
// How one host tree is served.
#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>

namespace krun::fs {

// Who else writes the tree decides how much the guest may keep in its caches.
enum class Sharing {
    kSoleWriter,  // only this guest: entries, attributes, data and misses are cached until memory is short
    kVisited,  // as shared, but others write seldom, and by system calls: data is kept when it is as it was
               // when the file was last opened
    kShared,   // the host or another guest writes, too: one second, and data is checked on open
};

// Host mounts inside the tree.
enum class Submounts {
    kStay,   // their mount points exist but cannot be entered (EXDEV)
    kCross,  // served, each as a file system of its own in the guest
};

enum class DeviceNodes {
    kRefuse,  // EPERM, except overlayfs' whiteout (character device 0:0)
    kAllow,   // the guest's root may make block and character device nodes on the host
};

// What the guest may add to a tree (budget.h); then ENOSPC.
struct BudgetLimits {
    uint64_t bytes;
    uint64_t files;  // names: files, directories, links; at most kMaxBudgetFiles
};
// A quarter of a KiB of host memory each.
inline constexpr uint64_t kMaxBudgetFiles = uint64_t{1} << 18;

struct PassthroughOptions {
    bool read_only = false;  // every write is EROFS, in the server
    std::optional<BudgetLimits> budget;
    Sharing sharing = Sharing::kShared;
    Submounts submounts = Submounts::kStay;
    // Locks are taken on the host, and exclude other guests and the host's processes.
    bool host_locks = false;
    // The guest's kernel asks for ACLs, and decides by them. It asks anew whenever it has asked for
    // attributes, which makes making a file a third slower.
    bool posix_acls = true;
    DeviceNodes device_nodes = DeviceNodes::kRefuse;
    // Descriptors of files that were looked up but are not open are a cache of this size; the rest are
    // opened again by parent and name when needed, and checked to be the same file. Never more than an
    // eighth of RLIMIT_NOFILE, and fewer when the process runs out of descriptors.
    size_t max_cached_fds = 4096;
    // Files and directories open at once; then ENFILE.
    size_t max_handles = 65536;
    // Guest processes (and open files with locks of their own) that hold range locks at once; then ENOLCK. A
    // descriptor each; never more than an eighth of RLIMIT_NOFILE.
    size_t max_lock_owners = 4096;
    // Files the guest remembers at once; then ENFILE. About 60 bytes of host memory each.
    size_t max_nodes = size_t{1} << 22;
};

}  // namespace krun::fs
