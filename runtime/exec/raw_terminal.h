// SPDX-License-Identifier: Apache-2.0
// The caller's terminal in raw mode, for a command that stands in for a payload with a terminal of its own.
#pragma once

namespace krun::runtime {

// Puts the terminal on standard input into raw mode: the payload's own terminal edits and echoes. Restores it
// when destroyed, and when this process crashes. Nothing happens if standard input is no terminal.
//
// A crash is a fault of ours or abort(3). Signals of the same numbers that somebody sends stay in the queue,
// blocked as they were, for RelayedSignals to read. REQUIRES: a single-threaded process, no other
// RawTerminal.
class RawTerminal {
public:
    RawTerminal();
    ~RawTerminal();
    RawTerminal(RawTerminal const&) = delete;
    RawTerminal& operator=(RawTerminal const&) = delete;

private:
    bool raw_ = false;
};

}  // namespace krun::runtime
