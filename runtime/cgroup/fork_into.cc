// SPDX-License-Identifier: Apache-2.0
#include "runtime/cgroup/fork_into.h"

#include <linux/sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <csignal>
#include <cstdint>
#include <string_view>

#include "base/fd.h"

namespace krun::runtime {

pid_t fork_into(CgroupEntry const& cgroup) {
    if (!cgroup.birthplace.valid()) return ::fork();
    // Without glibc's fork handlers, which matter to threads only.
    clone_args args{};
    args.flags = CLONE_INTO_CGROUP;
    args.exit_signal = SIGCHLD;
    args.cgroup = static_cast<uint64_t>(cgroup.birthplace.borrow().raw());
    return static_cast<pid_t>(::syscall(SYS_clone3, &args, sizeof args));
}

Result<void> enter_rest(CgroupEntry const& cgroup) {
    constexpr std::string_view kMyself = "0";
    for (auto const& list : cgroup.lists) TRY_WITH(write_full(list.borrow(), kMyself), "enter the cgroup");
    return {};
}

}  // namespace krun::runtime
