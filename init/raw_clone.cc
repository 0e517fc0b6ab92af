// SPDX-License-Identifier: Apache-2.0
#include "init/raw_clone.h"

#include <linux/sched.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace krun::init {

Result<Clone> raw_clone(int exit_signal, uint64_t flags, UniqueFd const& cgroup) {
    int pidfd = -1;
    clone_args args{};
    args.flags = flags | CLONE_PIDFD;
    args.pidfd = reinterpret_cast<uint64_t>(&pidfd);
    args.exit_signal = static_cast<uint64_t>(exit_signal);
    if (cgroup.valid()) {
        args.flags |= CLONE_INTO_CGROUP;
        args.cgroup = static_cast<uint64_t>(cgroup.borrow().raw());
    }
    // Without a stack of its own the child goes on with a copy of this one, as after fork(2).
    long const pid = ::syscall(SYS_clone3, &args, sizeof args);
    if (pid < 0) return fail(Error::sys("create a process"));
    return Clone{static_cast<pid_t>(pid), UniqueFd(pid == 0 ? -1 : pidfd)};
}

}  // namespace krun::init
