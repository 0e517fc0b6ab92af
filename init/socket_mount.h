// SPDX-License-Identifier: Apache-2.0
// What takes the place of a unix socket of the host's in the payload's tree: a socket of init's that listens,
// and that looks like it. Relayed by BoundSockets.
#pragma once
#include <cstdint>

#include "base/error.h"
#include "base/unique_fd.h"
#include "config-gen/krun_config.h"

namespace krun::init {

struct SocketMount {
    UniqueFd tree;        // a detached mount of the socket file, to be put in its place
    UniqueFd listener;    // for BoundSockets
    uint32_t number = 0;  // of the bind source
};

// A listening socket with the owner and mode of the host's, in a file system of its own at "/run" of the boot
// tree. Call in the mount namespace of the payload that is being set up.
Result<SocketMount> make_socket_mount(guest::Mount const& mount);

}  // namespace krun::init
