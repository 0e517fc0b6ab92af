// SPDX-License-Identifier: Apache-2.0
// The host process that stands for a detached executed process: engines wait for it, signal it, and read how
// it ended. It is re-parented to the caller's subreaper when the exec command returns.
#pragma once
#include <sys/types.h>

#include "base/error.h"
#include "base/unique_fd.h"
#include "runtime/cgroup/cgroup_creation.h"
#include "runtime/exec/exec_client.h"

namespace krun::runtime {

struct ExecProxy {
    pid_t pid;
    ExecEvent event;  // the first: the program runs, or why not. It lives only in the first case
    UniqueFd leash;   // closed before let_go(): the proxy ends, and its process with it
};

// Forks the proxy, in `cgroup` if that is one, and returns when its process runs or has failed. `terminal`
// is the slave of `task`'s terminal, or invalid. The proxy ends as its process does: with its status, or by
// its signal. Call from a single-threaded process.
Result<ExecProxy> spawn_exec_proxy(BorrowedFd state_dir, ExecTask task, UniqueFd terminal,
                                   CgroupEntry cgroup);

// Now that its number is known, the proxy lives without us.
Result<void> let_go(ExecProxy const& proxy);

}  // namespace krun::runtime
