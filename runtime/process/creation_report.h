// SPDX-License-Identifier: Apache-2.0
// The one message of a new container process to its creator: its guest is ready, or why there is none. With
// the first come duplicates of the VM's descriptors. A creator that stays until the container has ended keeps
// them: then the container process is reported dead without waiting for the VM's destruction, and leaves no
// process behind in its cgroup that would do it.
#pragma once
#include <span>
#include <vector>

#include "base/error.h"
#include "base/unique_fd.h"

namespace krun::runtime {

// `socket` is a SOCK_SEQPACKET. A creator that has gone is nobody to tell: no error.
void send_creation_report(BorrowedFd socket, Result<void> const& result, std::span<int const> vm_descriptors);

// Blocks until the message is there. The VM's descriptors, or the error that the process sent; kInternal if
// it ended without a message.
Result<std::vector<UniqueFd>> receive_creation_report(BorrowedFd socket);

}  // namespace krun::runtime
