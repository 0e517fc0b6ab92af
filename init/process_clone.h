// SPDX-License-Identifier: Apache-2.0
// Processes of the container as init clones them: the payload's first one in new namespaces, all others as
// children of init that are born in the payload's pid namespace.
#pragma once
#include <sys/types.h>

#include <cstdint>
#include <functional>

#include "base/error.h"
#include "base/unique_fd.h"
#include "config-gen/krun_config.h"
#include "init/intermediate.h"
#include "init/status_socket.h"

namespace krun::init {

struct Child {
    pid_t pid = -1;
    UniqueFd pidfd;
    StatusSocket socket;
};

// CLONE_* for config.krun.namespaces; pid and mount are always among them, cgroup never (payload_setup.cc).
uint64_t clone_flags(guest::Krun const& krun);

// What the child does; must not return.
using ChildMain = std::function<void(StatusSocket init)>;

// The child runs `child_main` on a copy of this process's memory, as after fork(2). REQUIRES: one thread.
// `cgroup` may be invalid: then it is born in this one's.
Result<Child> clone_payload(uint64_t flags, UniqueFd const& cgroup, ChildMain const& child_main);

// What a process does that starts outside of the container and goes on inside, by continue_as_child(); must
// not return. What it says of a failure outside is the error's text.
using JoiningMain = std::function<void(StatusSocket init, BirthRecord& record)>;
Result<Child> clone_into_container(JoiningMain const& main);

// Sends `signal` to every process in the pid namespace of `container`, a pidfd, its first one excepted.
// kill(2) with -1 from inside: no fork falls between two looks at a list, and no hostile tree of cgroups has
// to be walked. It is done when the returned child has ended.
Result<pid_t> signal_container(BorrowedFd container, int signal);

}  // namespace krun::init
