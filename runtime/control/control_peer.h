// SPDX-License-Identifier: Apache-2.0
// The container process behind a control socket, for a state directory whose record does not name it: its
// create command was killed half way, or the record is damaged.
#pragma once
#include <sys/types.h>

#include <optional>

#include "base/unique_fd.h"

namespace krun::runtime {

struct ControlPeer {
    pid_t pid;
    UniqueFd pidfd;
};

// The process that listens on the control socket, or nullopt if none does. Nobody but us can have
// put a socket into the state directory, so this is never a foreign process.
std::optional<ControlPeer> open_control_peer(BorrowedFd state_dir);

}  // namespace krun::runtime
