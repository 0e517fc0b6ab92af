// SPDX-License-Identifier: Apache-2.0
#include "runtime/exec_proxy.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>

#include "base/fd.h"
#include "base/fd_passing.h"
#include "runtime/fork_into.h"
#include "runtime/inherited_fds.h"

namespace krun::runtime {
namespace {

// As the process in the guest did, which its parent sees by wait(2). The core of this process would be no
// help.
[[noreturn]] void end_as(ExecEvent const& event) {
    if (event.signal != 0) {
        int const signal = static_cast<int>(event.signal);
        ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
        ::signal(signal, SIG_DFL);
        sigset_t set;
        ::sigemptyset(&set);
        ::sigaddset(&set, signal);
        ::kill(::getpid(), signal);
        ::sigprocmask(SIG_UNBLOCK, &set, nullptr);
        ::_exit(128 + signal);  // not reached by a signal that ends a process
    }
    ::_exit(static_cast<int>(event.code));
}

Result<void> tell(UniqueFd& report, ExecEvent const& event) {
    if (!report.valid()) return {};
    auto const connection = std::move(report);
    return send_message(connection.borrow(), encode_exec_event(event));
}

// The caller's streams belong to the process in the guest alone: whoever reads them waits for its end.
Result<void> let_go_of_stdio(BorrowedFd null) {
    for (int fd = 0; fd <= 2; ++fd)
        if (::dup2(null.raw(), fd) < 0) return fail(Error::sys("put /dev/null in the place of stdio"));
    return {};
}

// What the proxy has from the exec command.
struct Proxy {
    BorrowedFd state_dir;
    ExecTask task;
    UniqueFd terminal;  // or invalid
    UniqueFd dev_null;
    UniqueFd report;
};

Result<ExecEvent> stand_in(Proxy& proxy) {
    ::setsid();
    ::prctl(PR_SET_NAME, "krun-oci:exec");
    auto const signals = TRY(RelayedSignals::block());
    // So that a change of its size arrives as SIGWINCH.
    if (proxy.terminal.valid() && ::ioctl(proxy.terminal.borrow().raw(), TIOCSCTTY, 0) < 0)
        return fail(Error::sys("make the terminal the controlling one"));
    auto client = TRY(ExecClient::ask(proxy.state_dir, std::move(proxy.task)));
    TRY(let_go_of_stdio(proxy.dev_null.borrow()));
    close_inherited_fds();
    // An exec command that has gone meanwhile has told nobody our number: then the process shall not run.
    return client.attend(signals, nullptr, proxy.terminal.borrow(),
                         [&] { return tell(proxy.report, {ExecEventKind::kStarted}); });
}

[[noreturn]] void run_proxy(Proxy proxy) {
    auto const end = stand_in(proxy);
    if (!end.ok()) {
        ignore(tell(proxy.report, {ExecEventKind::kFailed, 255, 0, end.error().message()}), "nobody listens");
        ::_exit(255);
    }
    ignore(tell(proxy.report, end.value()), "the exec command has gone");
    end_as(end.value());
}

}  // namespace

Result<ExecProxy> spawn_exec_proxy(BorrowedFd state_dir, ExecTask task, UniqueFd terminal,
                                   BorrowedFd cgroup) {
    auto [ours, childs] = TRY(make_socketpair(SOCK_SEQPACKET));
    // Before the fork: the container's cgroup may allow no device, as podman's pods do.
    auto dev_null = TRY(open_path("/dev/null", O_RDWR));
    pid_t const pid = fork_into(cgroup);
    if (pid < 0) return fail(Error::sys("fork a process that stands for the executed one"));
    if (pid == 0) {
        ours.reset();
        run_proxy({state_dir, std::move(task), std::move(terminal), std::move(dev_null), std::move(childs)});
    }
    childs.reset();
    std::array<std::byte, kMaxWireResultBytes> buffer;
    auto const message = receive_message(ours.borrow(), buffer);
    size_t const bytes = message.ok() ? message.value().bytes : 0;
    auto event = decode_exec_event(std::span(buffer).first(bytes))
                     .value_or(ExecEvent{ExecEventKind::kFailed, 255, 0,
                                         "the process that stands for the "
                                         "executed one ended unexpectedly"});
    // Ended before it ran: nobody will be told its number.
    if (event.kind != ExecEventKind::kStarted) ::waitpid(pid, nullptr, 0);
    return ExecProxy{pid, std::move(event)};
}

}  // namespace krun::runtime
