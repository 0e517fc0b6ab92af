// SPDX-License-Identifier: Apache-2.0
// One mount of config.json's list, made beneath the payload's root. Everything goes through descriptors
// (fsopen, open_tree, move_mount), so no path is looked up twice and /proc need not be there.
#pragma once
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/unique_fd.h"
#include "config-gen/krun_config.h"

namespace krun::init {

// Runs in the payload's mount namespace, before the pivot: bind sources are paths of the boot tree.
// Creates the mount point if it is missing. A tmpfs that is to be read-only is returned, still writable:
// later mounts may need mount points in it. `on_socket` gets what listens in the place of a socket of the
// host's.
using OnSocket = std::function<Result<void>(uint32_t number, UniqueFd listener)>;
Result<std::optional<UniqueFd>> mount_one(BorrowedFd root, guest::Mount const& mount,
                                          OnSocket const& on_socket);

// A mount of file system `type` that is not attached anywhere yet. ENODEV reads "the guest kernel has no …".
struct FileSystemRequest {
    std::string type;
    std::string source;
    std::vector<std::string> flags;
    std::vector<std::pair<std::string, std::string>> parameters;
    uint64_t attributes = 0;  // MOUNT_ATTR_*
};
Result<UniqueFd> make_file_system(FileSystemRequest const& request);
// A detached copy of the mount at `path` (of the whole tree below it if `recursive`).
Result<UniqueFd> clone_tree(BorrowedFd dir, std::string const& path, bool recursive);
// Puts a detached mount on top of `target`, an O_PATH descriptor.
Result<void> attach(BorrowedFd detached, BorrowedFd target);
// Changes attributes of the mount whose root `mount` is, of the tree below it if `recursive`.
Result<void> change_attributes(BorrowedFd mount, uint64_t set, uint64_t clear, bool recursive);
// `flags`: MS_SHARED, MS_PRIVATE, MS_SLAVE or MS_UNBINDABLE, perhaps with MS_REC.
Result<void> change_propagation(BorrowedFd mount, unsigned long flags);

}  // namespace krun::init
