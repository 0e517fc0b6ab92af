// SPDX-License-Identifier: Apache-2.0
#include "runtime/isolation/child_namespace.h"

#include <sched.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <span>
#include <utility>

#include "base/fd.h"

namespace krun::runtime {

// The child tells its errno, 0 if it is there, in four bytes.
template <class Enter>
Result<ChildInNamespace> ChildInNamespace::make(Enter enter) {
    auto [ours, childs] = TRY(make_pipe());
    pid_t const creator = ::getpid();
    pid_t const pid = ::fork();
    if (pid < 0) return fail(Error::sys("fork a process for a namespace"));
    if (pid == 0) {
        ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);  // who is in the namespace already shall not look into it
        int const failed = enter() < 0 ? errno : 0;
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);  // afterwards: new credentials take it away
        if (::getppid() != creator) ::_exit(0);
        ignore(write_full(childs.borrow(), std::as_bytes(std::span(&failed, 1))), "nobody listens");
        while (failed == 0) ::pause();
        ::_exit(0);
    }
    ChildInNamespace child(pid);
    childs.reset();
    int failed = 0;
    if (TRY(read_full(ours.borrow(), std::as_writable_bytes(std::span(&failed, 1)))) != sizeof failed)
        return fail(Error(Errc::kSystem, "a process for a namespace ended unexpectedly"));
    if (failed != 0) return fail(Error(Errc::kSystem, "enter a namespace", failed));
    return child;
}

Result<ChildInNamespace> ChildInNamespace::entered(BorrowedFd fd, int type) {
    return make([&] { return ::setns(fd.raw(), type); });
}

Result<ChildInNamespace> ChildInNamespace::in_new_user_namespace() {
    return make([] { return ::unshare(CLONE_NEWUSER); });
}

ChildInNamespace::ChildInNamespace(ChildInNamespace&& other) noexcept : pid_(std::exchange(other.pid_, 0)) {}

ChildInNamespace::~ChildInNamespace() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
    }
}

}  // namespace krun::runtime
