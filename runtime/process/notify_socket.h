// SPDX-License-Identifier: Apache-2.0
// The socket of a service manager that waits to hear that the container is ready (sd_notify(3)).
#pragma once
#include <string>

#include "base/error.h"
#include "base/unique_fd.h"
#include "oci/spec.h"

namespace krun::runtime {

struct NotifySocket {
    UniqueFd fd{};           // a datagram socket connected to who listens; invalid: nobody does
    std::string in_guest{};  // where the payload finds its own end of it
};

// Connects to what NOTIFY_SOCKET names in our environment: a path, or after '@' an abstract name; one that
// nobody listens on is an error, as a container that never says that it is ready would be a riddle. Without
// it, to what the payload's environment names if that is a socket of the host in a bind mount (podman
// --sdnotify=container): in the guest nobody listens on its inode.
Result<NotifySocket> connect_notify_socket(oci::Spec const& spec);

// Asks who listens at `socket` to process all that was sent before (sd_notify(3), BARRIER=1). The returned
// descriptor hangs up when that is done; at once if nobody takes messages.
Result<UniqueFd> send_barrier(BorrowedFd socket);

}  // namespace krun::runtime
