// SPDX-License-Identifier: Apache-2.0
// Files below a directory, by paths that follow no symbolic link and never leave it (openat2(2)). Paths are
// relative; the empty one is the directory itself.
#pragma once
#include <string>
#include <vector>

#include "base/error.h"
#include "base/unique_fd.h"

namespace krun::image {

// Close-on-exec. A symbolic link in any place of `path` is ELOOP.
Result<UniqueFd> open_beneath(BorrowedFd dir, std::string const& path, int flags);
// Symbolic links of the tree are followed, as if `dir` were "/": for files of a container's own by a
// well-known name.
Result<UniqueFd> open_in_root(BorrowedFd dir, std::string const& path, int flags);

// Removes `name` in `dir` and all below it; a missing one is fine. Directories of ours without permissions
// are removed too. Uses one descriptor for each level, of which there are at most kMaxPathComponents.
Result<void> remove_tree(BorrowedFd dir, std::string const& name);
// The names in the directory, without "." and "..". `dir` is open for reading.
Result<std::vector<std::string>> list_directory(BorrowedFd dir);

}  // namespace krun::image
