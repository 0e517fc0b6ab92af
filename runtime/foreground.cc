// SPDX-License-Identifier: Apache-2.0
#include "runtime/foreground.h"

#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/control.h"

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

void pass_on_window_size(Container const& container) {
    winsize size{};
    if (::ioctl(0, TIOCGWINSZ, &size) < 0) return;
    uint32_t const packed = uint32_t{size.ws_row} << 16 | size.ws_col;
    ignore(control_request(container.dir().fd(), {ControlOp::kResize, packed}), "it may just have ended");
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

RawTerminal::RawTerminal() {
    termios settings{};
    if (::tcgetattr(0, &settings) < 0) return;
    before_ = settings;
    ::cfmakeraw(&settings);
    ::tcsetattr(0, TCSANOW, &settings);
}

RawTerminal::~RawTerminal() {
    if (before_) ::tcsetattr(0, TCSADRAIN, &*before_);
}

Result<Foreground> Foreground::enter() {
    sigset_t const set = passed_on();
    if (::sigprocmask(SIG_BLOCK, &set, nullptr) < 0) return fail(Error::sys("block signals"));
    UniqueFd signals(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
    if (!signals.valid()) return fail(Error::sys("receive signals"));
    return Foreground(std::move(signals));
}

void Foreground::pass_on_signals(Container const& container, BorrowedFd process) {
    signalfd_siginfo info{};
    while (::read(signals_.borrow().raw(), &info, sizeof info) == sizeof info) {
        if (info.ssi_signo == SIGWINCH)
            pass_on_window_size(container);
        else  // the container process passes on what it gets; its signal queue never makes us wait
            ignore(send_signal(process, static_cast<int>(info.ssi_signo)), "it may just have ended");
    }
}

Result<int> Foreground::attend(Container const& container) {
    pid_t const pid = container.record().container.pid;
    UniqueFd const process(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
    if (!process.valid()) return fail(Error::sys("watch the container process"));
    std::optional<RawTerminal> raw;
    if (container.record().terminal) {
        raw.emplace();
        pass_on_window_size(container);
    }
    while (true) {
        pollfd watched[] = {{process.borrow().raw(), POLLIN, 0}, {signals_.borrow().raw(), POLLIN, 0}};
        if (::poll(watched, 2, -1) < 0 && errno != EINTR)
            return fail(Error::sys("wait for the container process"));
        if (watched[0].revents != 0) return reap(pid);
        if (watched[1].revents != 0) pass_on_signals(container, process.borrow());
    }
}

}  // namespace krun::runtime
