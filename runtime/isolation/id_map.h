// SPDX-License-Identifier: Apache-2.0
// Id-mapped mounts (mount_setattr(2), MOUNT_ATTR_IDMAP; runtime-spec config.md#posix-platform-mounts): the
// owners that a tree of files shows, and that it gets, are others than those on its disk.
#pragma once
#include <vector>

#include "base/error.h"
#include "base/unique_fd.h"
#include "oci/spec.h"

namespace krun::runtime {

// The maps as a user namespace that nobody is in: a file that containerID owns on the disk is hostID's on the
// mount. Forks; call from a single-threaded process.
Result<UniqueFd> make_id_map(std::vector<oci::IdMapping> const& uids,
                             std::vector<oci::IdMapping> const& gids);

// REQUIRES: `tree` is a mount that is attached nowhere yet. Needs CAP_SYS_ADMIN over its file system, which
// must allow it.
Result<void> map_ids(BorrowedFd tree, BorrowedFd id_map, bool recursive);

}  // namespace krun::runtime
