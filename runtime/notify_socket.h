// SPDX-License-Identifier: Apache-2.0
// The socket of a service manager that waits to hear that the container is ready (sd_notify(3)).
#pragma once
#include "base/error.h"
#include "base/unique_fd.h"

namespace krun::runtime {

// Where the payload finds its own end of it, in the guest.
inline constexpr char const* kGuestNotifySocket = "/run/notify/notify.sock";

// A datagram socket connected to what NOTIFY_SOCKET names in our environment: a path, or after '@' an
// abstract name. Invalid if it is not set. A name that nobody listens on is an error, as a container that
// never says that it is ready would be a riddle.
Result<UniqueFd> connect_notify_socket();

// Asks who listens at `socket` to process all that was sent before (sd_notify(3), BARRIER=1). The returned
// descriptor hangs up when that is done; at once if nobody takes messages.
Result<UniqueFd> send_barrier(BorrowedFd socket);

}  // namespace krun::runtime
