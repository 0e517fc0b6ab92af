// SPDX-License-Identifier: Apache-2.0
// The host's pseudo-terminal of a container: its master goes to whoever asked for it, its slave stays with
// the container process, which carries bytes between it and the terminal that init makes in the guest.
#pragma once
#include <cstdint>

#include "base/error.h"
#include "base/unique_fd.h"

namespace krun::runtime {

struct TerminalSize {
    uint16_t rows = 0;
    uint16_t columns = 0;
};

struct Terminal {
    UniqueFd master;
    UniqueFd slave;  // raw: the guest's terminal does the editing and the echo
};

// A new pair. A `size` of 0x0 is left as it is (runtime-spec config.md#process consoleSize).
Result<Terminal> open_terminal(TerminalSize size);

// Sends `master` as SCM_RIGHTS with one byte of payload, as conmon and containerd expect it; does not wait
// for an answer: the receiver may accept the connection only after create has returned.
Result<void> send_terminal(BorrowedFd console_socket, BorrowedFd master);

Result<TerminalSize> terminal_size(BorrowedFd terminal);

}  // namespace krun::runtime
