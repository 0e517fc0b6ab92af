// SPDX-License-Identifier: Apache-2.0
#include "runtime/exec/exec_proxy.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <span>

#include "base/fd.h"
#include "base/fd_passing.h"
#include "runtime/cgroup/fork_into.h"
#include "runtime/host/inherited_fds.h"

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

// Tells that the process runs, and waits to be let go of. An exec command that is gone before that has told
// nobody our number: then the process shall not run.
Result<void> hand_over(UniqueFd& report) {
    auto const connection = std::move(report);
    TRY(send_message(connection.borrow(), encode_exec_event({ExecEventKind::kStarted})));
    std::byte let_go{};
    if (TRY(read_full(connection.borrow(), std::span(&let_go, 1))) == 1) return {};
    return fail(Error(Errc::kBadState, "the exec command has gone"));
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
    CgroupEntry cgroup;
};

Result<ExecEvent> stand_in(Proxy& proxy) {
    ::setsid();
    ::prctl(PR_SET_NAME, "krun-oci:exec");
    TRY(enter_rest(proxy.cgroup));
    auto const signals = TRY(RelayedSignals::block());
    // So that a change of its size arrives as SIGWINCH.
    if (proxy.terminal.valid() && ::ioctl(proxy.terminal.borrow().raw(), TIOCSCTTY, 0) < 0)
        return fail(Error::sys("make the terminal the controlling one"));
    auto client = TRY(ExecClient::ask(proxy.state_dir, std::move(proxy.task)));
    TRY(let_go_of_stdio(proxy.dev_null.borrow()));
    close_inherited_fds();
    return client.attend(signals, nullptr, proxy.terminal.borrow(), [&] { return hand_over(proxy.report); });
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

ExecEvent first_event(BorrowedFd proxy) {
    auto const failure = [](std::string why) {
        return ExecEvent{ExecEventKind::kFailed, 255, 0,
                         "the process that stands for the executed one " + std::move(why)};
    };
    std::array<std::byte, kMaxWireResultBytes> buffer;
    auto const message = receive_message(proxy, buffer);
    if (!message.ok()) return failure("cannot be heard: " + message.error().message());
    return decode_exec_event(std::span(buffer).first(message.value().bytes))
        .value_or(failure("ended unexpectedly"));
}

}  // namespace

Result<ExecProxy> spawn_exec_proxy(BorrowedFd state_dir, ExecTask task, UniqueFd terminal,
                                   CgroupEntry cgroup) {
    auto [ours, childs] = TRY(make_socketpair(SOCK_SEQPACKET));
    // Before the fork: the container's cgroup may allow no device, as podman's pods do.
    auto dev_null = TRY(open_path("/dev/null", O_RDWR));
    pid_t const pid = fork_into(cgroup);
    if (pid < 0) return fail(Error::sys("fork a process that stands for the executed one"));
    if (pid == 0) {
        ours.reset();
        run_proxy({state_dir, std::move(task), std::move(terminal), std::move(dev_null), std::move(childs),
                   std::move(cgroup)});
    }
    childs.reset();
    auto event = first_event(ours.borrow());
    if (event.kind != ExecEventKind::kStarted) {  // nobody will be told its number
        ::kill(pid, SIGKILL);
        ::waitpid(pid, nullptr, 0);
    }
    return ExecProxy{pid, std::move(event), std::move(ours)};
}

Result<void> let_go(ExecProxy const& proxy) {
    std::byte const go{};
    auto told = send_message(proxy.leash.borrow(), std::span(&go, 1));
    // Whoever knew its number may have ended it meanwhile.
    if (!told.ok() && told.error().sys_errno() == EPIPE) return {};
    return told;
}

}  // namespace krun::runtime
