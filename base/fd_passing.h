// SPDX-License-Identifier: Apache-2.0
// One message with descriptors over an AF_UNIX socket (unix(7), SCM_RIGHTS).
#pragma once
#include <cstddef>
#include <span>
#include <vector>

#include "base/error.h"
#include "base/unique_fd.h"

namespace krun {

// Room for those of the largest machine, 64 vCPUs and itself. The kernel's own limit, SCM_MAX_FD, is 253.
inline constexpr size_t kMaxPassedFds = 128;

// Sends all of `bytes`, at least one, and `fds` with them. Never raises SIGPIPE. `flags` as for sendmsg(2).
Result<void> send_message(BorrowedFd socket, std::span<std::byte const> bytes,
                          std::span<BorrowedFd const> fds = {}, int flags = 0);

struct ReceivedMessage {
    size_t bytes = 0;  // 0: the peer has closed
    std::vector<UniqueFd> fds;
};
// One recvmsg(2) into `out`. Descriptors arrive close-on-exec. A message that was cut, its bytes or its
// descriptors, is an error.
Result<ReceivedMessage> receive_message(BorrowedFd socket, std::span<std::byte> out, int flags = 0);

}  // namespace krun
