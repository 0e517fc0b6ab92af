// SPDX-License-Identifier: Apache-2.0
// Names inside the payload's root, whose content is a stranger's: symbolic links and ".." are followed as if
// the payload were already confined there, so none leads out.
#pragma once
#include <sys/types.h>

#include <string>
#include <string_view>

#include "base/error.h"
#include "base/unique_fd.h"

namespace krun::init {

// openat2(2) with RESOLVE_IN_ROOT and without magic links; `path` may begin with '/'. Close-on-exec.
Result<UniqueFd> open_in_root(BorrowedFd root, std::string const& path, int flags);

enum class NodeKind { kDirectory, kFile };

// An O_PATH descriptor of `path`. What is missing is created: parents as directories of mode 0755, the last
// name as `kind` says (an empty file of mode 0644, as a mount point for a file). A dangling symbolic link is
// followed, and its target created, because runc's users rely on /var/run -> /run.
Result<UniqueFd> open_or_create_in_root(BorrowedFd root, std::string const& path, NodeKind kind);

// The directory that holds the last name of `path`, created if missing, and that name.
struct ParentAndName {
    UniqueFd parent;
    std::string name;
};
Result<ParentAndName> open_or_create_parent(BorrowedFd root, std::string const& path);

}  // namespace krun::init
