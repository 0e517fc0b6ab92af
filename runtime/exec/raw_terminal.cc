// SPDX-License-Identifier: Apache-2.0
#include "runtime/exec/raw_terminal.h"

#include <signal.h>
#include <termios.h>
#include <ucontext.h>
#include <unistd.h>

#include <iterator>

namespace krun::runtime {
namespace {

// signal(7), those whose default is a core and that a program raises by what it does.
constexpr int kCrashes[] = {SIGSEGV, SIGBUS, SIGABRT, SIGILL, SIGFPE, SIGTRAP, SIGSYS};

// For the handler, which is given nothing else.
struct Saved {
    termios settings;
    struct sigaction actions[std::size(kCrashes)];
    sigset_t mask;
};
Saved saved;

// SA_RESETHAND: from here on the signal has its default action.
void crashed(int signal, siginfo_t* info, void* context) {
    bool const ours = info->si_code > 0 || info->si_pid == ::getpid();  // sigaction(2), abort(3)
    if (ours)
        ::tcsetattr(0, TCSANOW, &saved.settings);  // signal-safety(7); it does not wait, unlike TCSADRAIN
    else
        ::sigaddset(&static_cast<ucontext_t*>(context)->uc_sigmask, signal);
    ::raise(signal);  // on return: the end, or a signal that waits to be read
}

void watch_crashes() {
    struct sigaction action {};
    action.sa_sigaction = crashed;
    action.sa_flags = static_cast<int>(SA_SIGINFO | SA_RESETHAND);
    ::sigfillset(&action.sa_mask);  // SIGTTOU among them, which would stop us in the background
    sigset_t faults;
    ::sigemptyset(&faults);
    for (size_t i = 0; i < std::size(kCrashes); ++i) {
        ::sigaction(kCrashes[i], &action, &saved.actions[i]);
        ::sigaddset(&faults, kCrashes[i]);
    }
    // A fault whose signal is blocked ends the process without its handler.
    ::sigprocmask(SIG_UNBLOCK, &faults, &saved.mask);
}

void unwatch_crashes() {
    sigset_t blocked;
    ::sigemptyset(&blocked);
    for (int const signal : kCrashes)
        if (::sigismember(&saved.mask, signal) == 1) ::sigaddset(&blocked, signal);
    ::sigprocmask(SIG_BLOCK, &blocked, nullptr);
    for (size_t i = 0; i < std::size(kCrashes); ++i) ::sigaction(kCrashes[i], &saved.actions[i], nullptr);
}

}  // namespace

RawTerminal::RawTerminal() {
    if (::tcgetattr(0, &saved.settings) < 0) return;
    raw_ = true;
    watch_crashes();
    auto settings = saved.settings;
    ::cfmakeraw(&settings);
    ::tcsetattr(0, TCSANOW, &settings);
}

RawTerminal::~RawTerminal() {
    if (!raw_) return;
    ::tcsetattr(0, TCSADRAIN, &saved.settings);
    unwatch_crashes();
}

}  // namespace krun::runtime
