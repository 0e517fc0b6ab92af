// SPDX-License-Identifier: Apache-2.0
// fork(2) into a cgroup.
#pragma once
#include <sys/types.h>

#include "base/unique_fd.h"

namespace krun::runtime {

// A child that is born in `cgroup`, a directory of cgroup v2: moving a process later takes a lock that stalls
// for milliseconds. With an invalid `cgroup`, plain fork(2). Single-threaded process only. -1 and errno on
// failure.
pid_t fork_into(BorrowedFd cgroup);

}  // namespace krun::runtime
