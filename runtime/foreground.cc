// SPDX-License-Identifier: Apache-2.0
#include "runtime/foreground.h"

#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <iterator>
#include <optional>

namespace krun::runtime {
namespace {

// Everything that somebody sends us on purpose. SIGCHLD, SIGPIPE and SIGURG are the kernel's notes to us;
// faults are our own.
constexpr int kPassedOn[] = {SIGHUP,  SIGINT,  SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGALRM,
                             SIGTSTP, SIGTTIN, SIGTTOU, SIGCONT, SIGPWR,  SIGWINCH};

sigset_t passed_on() {
    sigset_t set;
    ::sigemptyset(&set);
    for (int const signal : kPassedOn) ::sigaddset(&set, signal);
    for (int signal = SIGRTMIN; signal <= SIGRTMAX; ++signal) ::sigaddset(&set, signal);
    return set;
}

Result<int> reap(pid_t pid) {
    int status = 0;
    pid_t reaped = 0;
    do {
        reaped = ::waitpid(pid, &status, 0);
    } while (reaped < 0 && errno == EINTR);
    if (reaped < 0) return fail(Error::sys("wait for the container process"));
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

}  // namespace

Result<Foreground> Foreground::enter() {
    sigset_t const set = passed_on();
    if (::sigprocmask(SIG_BLOCK, &set, nullptr) < 0) return fail(Error::sys("block signals"));
    UniqueFd signals(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
    if (!signals.valid()) return fail(Error::sys("receive signals"));
    return Foreground(std::move(signals));
}

void Foreground::pass_on_signals(BorrowedFd process, TerminalRelay const* relay) {
    signalfd_siginfo info{};
    while (::read(signals_.borrow().raw(), &info, sizeof info) == sizeof info) {
        if (info.ssi_signo == SIGWINCH && relay != nullptr)
            relay->resize();
        else  // the container process passes on what it gets; its signal queue never makes us wait
            ignore(send_signal(process, static_cast<int>(info.ssi_signo)), "it may just have ended");
    }
}

Result<int> Foreground::attend(Container const& container, TerminalRelay* relay) {
    pid_t const pid = container.record().container.pid;
    UniqueFd const process(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
    if (!process.valid()) return fail(Error::sys("watch the container process"));
    std::optional<RawTerminal> raw;
    if (relay != nullptr) {
        raw.emplace();
        relay->resize();
    }
    constexpr pollfd kNone{-1, 0, 0};
    while (true) {
        auto const terminals = relay != nullptr ? relay->watched() : std::array{kNone, kNone};
        pollfd watched[] = {{process.borrow().raw(), POLLIN, 0},
                            {signals_.borrow().raw(), POLLIN, 0},
                            terminals[0],
                            terminals[1]};
        if (::poll(watched, std::size(watched), -1) < 0 && errno != EINTR)
            return fail(Error::sys("wait for the container process"));
        if (relay != nullptr) relay->move({watched[2], watched[3]});
        if (watched[1].revents != 0) pass_on_signals(process.borrow(), relay);
        if (watched[0].revents == 0) continue;
        if (relay != nullptr) relay->drain();
        return reap(pid);
    }
}

}  // namespace krun::runtime
