// SPDX-License-Identifier: Apache-2.0
#include "runtime/exec/relayed_signals.h"

#include <signal.h>
#include <sys/signalfd.h>

#include "base/signal_mask.h"

namespace krun::runtime {
namespace {

// What the kernel tells this process about itself, where everything else is meant for the other one: a child
// of ours has ended, or the reader of a pipe of ours has gone.
bool is_note_to_us(signalfd_siginfo const& info) {
    bool const from_kernel = info.ssi_code > 0;  // not SI_USER and its like, sigaction(2)
    if (info.ssi_signo == SIGPIPE) return info.ssi_pid == static_cast<uint32_t>(::getpid());
    return from_kernel && (info.ssi_signo == SIGCHLD || info.ssi_signo == SIGURG || info.ssi_signo == SIGIO);
}

}  // namespace

Result<RelayedSignals> RelayedSignals::block() {
    block_all_signals();
    return RelayedSignals(TRY(receive_all_signals()));
}

std::optional<int> RelayedSignals::next() const {
    signalfd_siginfo info{};
    while (::read(signals_.borrow().raw(), &info, sizeof info) == sizeof info)
        if (!is_note_to_us(info)) return static_cast<int>(info.ssi_signo);
    return std::nullopt;
}

}  // namespace krun::runtime
