// SPDX-License-Identifier: Apache-2.0
#include "base/signal_mask.h"

#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <csignal>

namespace krun {
namespace {

constexpr uint64_t kAll = ~uint64_t{0};  // the kernel's sigset_t: bit N-1 is signal N

}  // namespace

void block_all_signals() {
    ::syscall(SYS_rt_sigprocmask, SIG_SETMASK, &kAll, nullptr, sizeof kAll);
}

SignalsBlocked::SignalsBlocked() {
    ::syscall(SYS_rt_sigprocmask, SIG_SETMASK, &kAll, &before_, sizeof kAll);
}
SignalsBlocked::~SignalsBlocked() {
    ::syscall(SYS_rt_sigprocmask, SIG_SETMASK, &before_, nullptr, sizeof before_);
}

Result<UniqueFd> receive_all_signals() {
    UniqueFd fd(
        static_cast<int>(::syscall(SYS_signalfd4, -1, &kAll, sizeof kAll, SFD_CLOEXEC | SFD_NONBLOCK)));
    if (!fd.valid()) return fail(Error::sys("create a signalfd"));
    return fd;
}

}  // namespace krun
