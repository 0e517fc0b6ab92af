// SPDX-License-Identifier: Apache-2.0
#include "init/process_clone.h"

#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "base/fd.h"
#include "init/descriptors.h"

namespace krun::init {
namespace {

struct Clone {
    pid_t pid = -1;  // 0 in the child
    UniqueFd pidfd;
};

Result<Clone> clone_process(uint64_t flags, int cgroup) {
    int pidfd = -1;
    clone_args args{};
    args.flags = flags | CLONE_PIDFD;
    args.pidfd = reinterpret_cast<uint64_t>(&pidfd);
    args.exit_signal = SIGCHLD;
    if (cgroup >= 0) {
        args.flags |= CLONE_INTO_CGROUP;
        args.cgroup = static_cast<uint64_t>(cgroup);
    }
    // Without a stack of its own the child goes on with a copy of this one, as after fork(2).
    long const pid = ::syscall(SYS_clone3, &args, sizeof args);
    if (pid < 0) return fail(Error::sys("create a process"));
    return Clone{static_cast<pid_t>(pid), UniqueFd(pid == 0 ? -1 : pidfd)};
}

// While it lives, children of this process are born in the pid namespace of `container`.
class PidNamespaceVisit {
public:
    static Result<PidNamespaceVisit> enter(BorrowedFd container) {
        auto own = TRY(open_path("/proc/self/ns/pid", O_RDONLY));
        if (::setns(container.raw(), CLONE_NEWPID) < 0)
            return fail(Error::sys("enter the container's pid namespace"));
        return PidNamespaceVisit(std::move(own));
    }
    PidNamespaceVisit(PidNamespaceVisit&&) = default;
    PidNamespaceVisit& operator=(PidNamespaceVisit&&) = delete;
    ~PidNamespaceVisit() {
        if (own_.valid()) ::setns(own_.borrow().raw(), CLONE_NEWPID);
    }

private:
    explicit PidNamespaceVisit(UniqueFd own) : own_(std::move(own)) {}
    UniqueFd own_;
};

bool move_to_cgroup(UniqueFd const& cgroup) {
    auto const file = open_at(cgroup.borrow(), "cgroup.procs", O_WRONLY);
    return file.ok() && write_full(file.value().borrow(), "0").ok();
}

using SocketPair = std::pair<UniqueFd, UniqueFd>;

Child parent_side(Clone clone, SocketPair sockets) {
    return Child{clone.pid, std::move(clone.pidfd), StatusSocket(std::move(sockets.first))};
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
    auto clone = TRY(clone_process(flags, cgroup.valid() ? cgroup.borrow().raw() : -1));
    if (clone.pid == 0) child_main(StatusSocket(std::move(sockets.second)));
    return parent_side(std::move(clone), std::move(sockets));
}

Result<Child> clone_into_container(BorrowedFd container, UniqueFd const& cgroup,
                                   ChildMain const& child_main) {
    auto sockets = TRY(make_socketpair(SOCK_SEQPACKET));
    auto const visit = TRY(PidNamespaceVisit::enter(container));
    bool born_there = cgroup.valid();
    auto clone = clone_process(0, born_there ? cgroup.borrow().raw() : -1);
    if (!clone.ok() && clone.error().sys_errno() == EAGAIN && born_there) {
        born_there = false;
        clone = clone_process(0, -1);
    }
    if (!clone.ok()) return fail(std::move(clone).error());
    if (clone.value().pid == 0) {
        if (!born_there && cgroup.valid() && !move_to_cgroup(cgroup)) ::_exit(1);
        child_main(StatusSocket(std::move(sockets.second)));
    }
    return parent_side(std::move(clone).value(), std::move(sockets));
}

Result<pid_t> signal_container(BorrowedFd container, int signal) {
    auto const visit = TRY(PidNamespaceVisit::enter(container));
    auto const clone = TRY(clone_process(0, -1));
    if (clone.pid != 0) return clone.pid;
    close_all_but({});
    ::kill(-1, signal);
    ::_exit(0);
}

}  // namespace krun::init
