// SPDX-License-Identifier: Apache-2.0
// The caller's terminal and signals, while a command stands in for its container.
#pragma once
#include <termios.h>

#include <optional>

#include "base/error.h"
#include "base/unique_fd.h"
#include "runtime/container.h"

namespace krun::runtime {

// Puts the terminal on standard input into raw mode: the payload's own terminal edits and echoes. Restores it
// when destroyed. Nothing happens if standard input is no terminal.
class RawTerminal {
public:
    RawTerminal();
    ~RawTerminal();
    RawTerminal(RawTerminal const&) = delete;
    RawTerminal& operator=(RawTerminal const&) = delete;

private:
    std::optional<termios> before_;
};

class Foreground {
public:
    // From here on signals wait until attend() passes them on, so that none is lost while the container is
    // being made. Single-threaded process only.
    static Result<Foreground> enter();

    // Waits for the container process, our child, and reaps it. Passes signals and window sizes on to the
    // payload. Returns the payload's exit status, 128 + N if signal N ended it.
    Result<int> attend(Container const& container);

private:
    explicit Foreground(UniqueFd signals) : signals_(std::move(signals)) {}
    void pass_on_signals(Container const& container, BorrowedFd process);
    UniqueFd signals_;
};

}  // namespace krun::runtime
