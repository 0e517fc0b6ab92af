// SPDX-License-Identifier: Apache-2.0
// Carries bytes between the caller's terminal and the container's, for a command that stands in for it.
#pragma once
#include <poll.h>

#include <array>
#include <string>

#include "base/error.h"
#include "base/unique_fd.h"

namespace krun::runtime {

class TerminalRelay {
public:
    // Takes the terminal's master out of `socket`, to which the container process has sent it.
    static Result<TerminalRelay> receive(BorrowedFd socket);
    // Of a terminal that we have made ourselves.
    static Result<TerminalRelay> over(UniqueFd master);

    // Gives the container's terminal the size of the caller's.
    void resize() const;
    // What to poll for next: standard input and the master.
    std::array<pollfd, 2> watched() const;
    // Moves what poll() found ready. Standard input waits while the container does not take more. When it is
    // a terminal that hangs up, the container's is hung up, too.
    void move(std::array<pollfd, 2> const& ready);
    // Writes out what is left when the container has ended.
    void drain();

private:
    TerminalRelay(UniqueFd master, bool input_is_terminal)
        : master_(std::move(master)), input_is_terminal_(input_is_terminal) {}
    bool move_output();
    void hang_up();

    UniqueFd master_;  // invalid after a hang-up
    bool input_is_terminal_;
    std::string typed_;  // read from standard input, not yet taken by the master
    bool input_open_ = true;
    bool output_open_ = true;
};

}  // namespace krun::runtime
