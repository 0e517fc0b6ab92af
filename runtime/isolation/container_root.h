// SPDX-License-Identifier: Apache-2.0
// The host trees that a container may touch, each as a detached mount of its own, and the mount namespace of
// the container process, in which nothing but the rootfs is left.
#pragma once
#include <string>

#include "base/error.h"
#include "base/unique_fd.h"

namespace krun::runtime {

// A private, detached copy of the mount that `source` is in, rooted at `source`, with the mounts below it if
// `recursive`. It stays alive as long as the descriptor. Needs CAP_SYS_ADMIN over the mount namespace.
Result<UniqueFd> detach_tree(BorrowedFd source, bool recursive);

// Gives this process a mount namespace of its own whose root is `rootfs` (a tree of detach_tree) and which
// holds no other mount. Descriptors opened before stay valid. Call once, from a single-threaded process.
Result<void> enter_container_root(BorrowedFd rootfs);

}  // namespace krun::runtime
