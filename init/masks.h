// SPDX-License-Identifier: Apache-2.0
// linux.maskedPaths and linux.readonlyPaths (runtime-spec config-linux.md). Paths that do not exist are no
// error, as everywhere.
#pragma once
#include <string>
#include <vector>

#include "base/error.h"
#include "base/unique_fd.h"

namespace krun::init {

// A character device 1:3 at `path` in the boot tree, O_PATH. Refuses anything else, so that a mask can never
// be something a payload may read.
Result<UniqueFd> open_null_device(std::string const& path);

// Covers directories with an empty read-only tmpfs and everything else with the null device.
Result<void> mask_paths(BorrowedFd root, std::vector<std::string> const& paths, BorrowedFd null_device);
Result<void> make_paths_readonly(BorrowedFd root, std::vector<std::string> const& paths);

}  // namespace krun::init
