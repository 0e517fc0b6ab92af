// SPDX-License-Identifier: Apache-2.0
// The guest kernel's last words outside the container process: asked of it while it lives, and what it has
// left in the state directory when its machine ended without the payload's status.
#pragma once
#include <string>

#include "base/error.h"
#include "base/unique_fd.h"
#include "runtime/state/lifecycle.h"

namespace krun::runtime {

inline constexpr char const* kKernelLogName = "kernel.log";

// At most 64 KiB of hostile text, empty if there is none. kBadState when a container process that should
// answer does not, as a paused one.
Result<std::string> kernel_log_of(BorrowedFd state_dir, State state);

}  // namespace krun::runtime
