// SPDX-License-Identifier: Apache-2.0
// fork(2) into a cgroup.
#pragma once
#include <sys/types.h>

#include "base/error.h"
#include "runtime/cgroup/cgroup_creation.h"

namespace krun::runtime {

// A child that is born in cgroup v2's part of `cgroup`: moving a process later takes a lock that stalls for
// milliseconds. Without one, plain fork(2). Single-threaded process only. -1 and errno on failure.
// The child's first act is enter_rest().
pid_t fork_into(CgroupEntry const& cgroup);

// Moves the calling process into v1's hierarchies, in which nobody can be born.
Result<void> enter_rest(CgroupEntry const& cgroup);

}  // namespace krun::runtime
