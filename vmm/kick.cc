// SPDX-License-Identifier: Apache-2.0
#include "vmm/kick.h"

#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>

namespace krun::vmm {
namespace {

thread_local volatile sig_atomic_t kicked = 0;

// On whichever thread it is given to. Async-signal-safe.
void on_kick(int signo, siginfo_t* info, void* /*context*/) {
    bool const own_thread = info->si_code == SI_TKILL && info->si_pid == ::getpid();
    if (own_thread || info->si_code == SI_TIMER) {
        kicked = 1;
        return;
    }
    int const saved = errno;
    pid_t const process = ::getpid();  // the main thread's id, too
    ::syscall(SYS_tgkill, process, process, signo);
    errno = saved;
}

void mask_kicks(int how) {
    sigset_t set;
    ::sigemptyset(&set);
    ::sigaddset(&set, kick_signal());
    ::pthread_sigmask(how, &set, nullptr);
}

}  // namespace

// The first past those that glibc keeps to itself.
int kick_signal() {
    return SIGRTMIN;
}

Result<void> install_kick_handler() {
    struct sigaction action {};
    action.sa_sigaction = on_kick;
    action.sa_flags = SA_SIGINFO;  // no SA_RESTART: the call must return
    if (::sigaction(kick_signal(), &action, nullptr) < 0)
        return fail(Error::sys("install the handler of kicks"));
    return {};
}

Kickable::Kickable() {
    mask_kicks(SIG_UNBLOCK);
}
bool Kickable::take() {
    bool const was = kicked != 0;
    kicked = 0;
    return was;
}
Kickable::~Kickable() {
    mask_kicks(SIG_BLOCK);
}

}  // namespace krun::vmm
