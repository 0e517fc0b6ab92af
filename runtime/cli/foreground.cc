// SPDX-License-Identifier: Apache-2.0
#include "runtime/cli/foreground.h"

#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <iterator>
#include <optional>

#include "runtime/exec/raw_terminal.h"

namespace krun::runtime {
namespace {

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
    return Foreground(TRY(RelayedSignals::block()));
}

void Foreground::pass_on_signals(BorrowedFd process, TerminalRelay const* relay) {
    while (auto const signal = signals_.next()) {
        if (*signal == SIGWINCH && relay != nullptr)
            relay->resize();
        else  // the container process passes on what it gets; its signal queue never makes us wait
            ignore(send_signal(process, *signal), "it may just have ended");
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
                            {signals_.fd().raw(), POLLIN, 0},
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
