// SPDX-License-Identifier: Apache-2.0
// process.terminal: a pseudo-terminal in the payload's own devpts, so that tty(1), job control and
// /dev/console work inside (cli-level behaviour: runtime-spec config.md#process).
#pragma once
#include <cstdint>
#include <optional>

#include "base/error.h"
#include "base/unique_fd.h"
#include "config-gen/krun_config.h"

namespace krun::init {

// Asks the kernel alone: a payload may have put a file of a FUSE server of its own where the multiplexer
// should be, and any other question, TIOCGPTPEER before all, would be that server's to answer, or not to.
bool is_terminal_master(BorrowedFd fd);

struct Terminal {
    UniqueFd master;  // for init
    UniqueFd slave;   // for the payload
};

// Opens a pair through /dev/pts/ptmx of `root` and gives the slave to `uid`.
Result<Terminal> open_terminal(BorrowedFd root, uint32_t uid, std::optional<guest::ConsoleSize> size);

// Puts the payload's terminal at /dev/console. REQUIRES: the mounts of `root` are made, but not yet pivoted
// into.
Result<void> mount_console(BorrowedFd root, BorrowedFd slave);

// TIOCSWINSZ on the master; the kernel sends SIGWINCH to the foreground processes.
Result<void> set_terminal_size(BorrowedFd master, uint16_t rows, uint16_t columns);

// Makes `slave` the controlling terminal of the calling process, which leads its session.
Result<void> take_controlling_terminal(BorrowedFd slave);

}  // namespace krun::init
