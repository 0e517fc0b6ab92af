// SPDX-License-Identifier: Apache-2.0
// The caller's signals and terminal, while a command stands in for its container.
#pragma once
#include "base/error.h"
#include "base/unique_fd.h"
#include "runtime/exec/relayed_signals.h"
#include "runtime/exec/terminal_relay.h"
#include "runtime/state/container.h"

namespace krun::runtime {

class Foreground {
public:
    // From here on signals wait until attend() passes them on, so that none is lost while the container is
    // being made. Single-threaded process only.
    static Result<Foreground> enter();

    // Waits for the container process, our child, and reaps it. Passes signals on to the payload, and bytes
    // and window sizes between the terminals if there is a `relay`. Returns the payload's exit status, 128 +
    // N if signal N ended it.
    Result<int> attend(Container const& container, TerminalRelay* relay);

private:
    explicit Foreground(RelayedSignals signals) : signals_(std::move(signals)) {}
    void pass_on_signals(BorrowedFd process, TerminalRelay const* relay);
    RelayedSignals signals_;
};

}  // namespace krun::runtime
