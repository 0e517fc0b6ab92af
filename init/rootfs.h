// SPDX-License-Identifier: Apache-2.0
// The payload's root: everything mounted beneath it in config.json's order, then pivoted into. All of it runs
// in the payload's process, in a mount namespace of its own.
#pragma once
#include <vector>

#include "base/error.h"
#include "base/unique_fd.h"
#include "config-gen/krun_config.h"
#include "init/mounts.h"

namespace krun::init {

// Takes the namespace out of every propagation, takes a mount of the boot tree's krun.root, or of the disk
// that is to be there, and gives its root directory.
Result<UniqueFd> open_rootfs(guest::Krun const& krun);

// Makes the mounts in order. A read-only tmpfs is writable until the returned descriptors are passed to
// make_readonly: mount points and device nodes are still to be created in it. `on_socket` gets what listens
// in the place of the host's sockets.
Result<std::vector<UniqueFd>> mount_all(BorrowedFd root, std::vector<guest::Mount> const& mounts,
                                        OnSocket const& on_socket);
Result<void> make_mounts_readonly(std::vector<UniqueFd> const& mounts);

// linux.rootfsPropagation, for the mount at this process's root; nothing if it is empty.
Result<void> set_root_propagation(std::string const& propagation);

// Makes `root` the root and working directory of this process and drops the boot tree from its namespace.
// `propagation` is linux.rootfsPropagation, for the new root.
Result<void> pivot_into(BorrowedFd root, bool readonly, std::string const& propagation);

}  // namespace krun::init
