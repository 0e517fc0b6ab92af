// SPDX-License-Identifier: Apache-2.0
// clone3(2) as fork(2) with flags: the child goes on with a copy of this process's memory and stack.
#pragma once
#include <sys/types.h>

#include <cstdint>

#include "base/error.h"
#include "base/unique_fd.h"

namespace krun::init {

struct Clone {
    pid_t pid = -1;  // 0 in the child
    UniqueFd pidfd;  // in the parent
};

// The child is born in `cgroup` if that is valid, else where its parent is. REQUIRES: one thread.
Result<Clone> raw_clone(int exit_signal, uint64_t flags, UniqueFd const& cgroup);

}  // namespace krun::init
