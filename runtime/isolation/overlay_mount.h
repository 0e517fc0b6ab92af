// SPDX-License-Identifier: Apache-2.0
// A mount of type "overlay" in config.json: its directories are the host's (podman's volumes with :O).
#pragma once
#include <string>
#include <vector>

#include "base/error.h"
#include "base/unique_fd.h"

namespace krun::runtime {

// Mounts it without a place in any tree: the descriptor is all there is of it, and it ends with the last
// file open in it. `options` are the file system's own, "lowerdir=…". Needs CAP_SYS_ADMIN.
Result<UniqueFd> mount_overlay(std::vector<std::string> const& options);

}  // namespace krun::runtime
