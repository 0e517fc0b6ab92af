// SPDX-License-Identifier: Apache-2.0
#include "init/payload.h"

#include <linux/sched.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fd.h"
#include "init/payload_setup.h"

namespace krun::init {

uint64_t clone_flags(guest::Krun const& krun) {
    uint64_t flags = CLONE_NEWPID | CLONE_NEWNS;
    for (auto const& name : krun.namespaces) {
        if (name == "ipc") flags |= CLONE_NEWIPC;
        if (name == "uts") flags |= CLONE_NEWUTS;
    }
    return flags;
}

Result<Payload> start_payload(KrunConfig const& config, std::array<UniqueFd, 3> streams, UniqueFd cgroup) {
    auto [ours, theirs] = TRY(make_socketpair(SOCK_SEQPACKET));
    clone_args args{};
    args.flags = clone_flags(config.krun);
    args.exit_signal = SIGCHLD;
    if (cgroup.valid()) {
        args.flags |= CLONE_INTO_CGROUP;
        args.cgroup = static_cast<uint64_t>(cgroup.borrow().raw());
    }
    // Without a stack of its own the child goes on with a copy of this one, as after fork(2).
    long const pid = ::syscall(SYS_clone3, &args, sizeof args);
    if (pid < 0) return fail(Error::sys("create the payload's process"));
    if (pid == 0) {
        ours.reset();
        StatusSocket socket(std::move(theirs));
        run_payload(PayloadSetup{config, socket, std::move(streams)});
    }
    return Payload{static_cast<pid_t>(pid), StatusSocket(std::move(ours))};
}

}  // namespace krun::init
