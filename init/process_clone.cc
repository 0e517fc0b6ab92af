// SPDX-License-Identifier: Apache-2.0
#include "init/process_clone.h"

#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fd.h"
#include "init/capabilities.h"
#include "init/descriptors.h"
#include "init/namespaces.h"
#include "init/raw_clone.h"

namespace krun::init {
namespace {

// `outcome` is better told by the process itself, if it has.
Error reason(Error outcome, StatusSocket const& socket) {
    if (outcome.sys_errno() != 0 || !socket.readable()) return outcome;
    auto message = socket.receive();
    if (!message.ok() || !message.value() || message.value()->kind != StatusKind::kFailed) return outcome;
    return Error(Errc::kSystem, std::move(message.value()->text));
}

Result<void> become_signaller(UniqueFd const& container, BirthRecord& record) {
    TRY(enter_namespaces(container.borrow()));
    TRY(keep_capabilities(uint64_t{1} << CAP_KILL));
    close_all_but({});
    return continue_as_child(record, {});
}

}  // namespace

uint64_t clone_flags(guest::Krun const& krun) {
    uint64_t flags = CLONE_NEWPID | CLONE_NEWNS;
    for (auto const& name : krun.namespaces) {
        if (name == "ipc") flags |= CLONE_NEWIPC;
        if (name == "uts") flags |= CLONE_NEWUTS;
    }
    return flags;
}

Result<Child> clone_payload(uint64_t flags, UniqueFd const& cgroup, ChildMain const& child_main) {
    auto sockets = TRY(make_socketpair(SOCK_SEQPACKET));
    auto clone = TRY(raw_clone(SIGCHLD, flags, cgroup));
    if (clone.pid == 0) child_main(StatusSocket(std::move(sockets.second)));
    return Child{clone.pid, std::move(clone.pidfd), StatusSocket(std::move(sockets.first))};
}

Result<Child> clone_into_container(JoiningMain const& main) {
    auto sockets = TRY(make_socketpair(SOCK_SEQPACKET));
    StatusSocket socket(std::move(sockets.first));
    auto pid = clone_by_intermediate(
        [&](BirthRecord& record) { main(StatusSocket(std::move(sockets.second)), record); });
    if (!pid.ok()) return fail(reason(std::move(pid).error(), socket));
    // Nobody else waits for it, so the number stays its own.
    UniqueFd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, pid.value(), 0)));
    if (!pidfd.valid()) return fail(Error::sys("watch a process"));
    return Child{pid.value(), std::move(pidfd), std::move(socket)};
}

Result<pid_t> signal_container(BorrowedFd container, int signal) {
    return clone_by_intermediate([&](BirthRecord& record) {
        auto const payload = duplicate(container);
        if (!payload.ok() || !become_signaller(payload.value(), record).ok()) return;
        ::kill(-1, signal);
        ::_exit(0);
    });
}

}  // namespace krun::init
