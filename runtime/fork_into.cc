// SPDX-License-Identifier: Apache-2.0
#include "runtime/fork_into.h"

#include <linux/sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <csignal>
#include <cstdint>

namespace krun::runtime {

pid_t fork_into(BorrowedFd cgroup) {
    if (cgroup.raw() < 0) return ::fork();
    // Without glibc's fork handlers, which matter to threads only.
    clone_args args{};
    args.flags = CLONE_INTO_CGROUP;
    args.exit_signal = SIGCHLD;
    args.cgroup = static_cast<uint64_t>(cgroup.raw());
    return static_cast<pid_t>(::syscall(SYS_clone3, &args, sizeof args));
}

}  // namespace krun::runtime
