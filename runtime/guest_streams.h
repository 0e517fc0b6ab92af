// SPDX-License-Identifier: Apache-2.0
// Which host descriptors are behind the vsock ports of config-gen/control_protocol.h: the payload's stdio
// goes straight to the container process's own, without a copy through its event loop.
#pragma once
#include <atomic>
#include <memory>
#include <vector>

#include "base/error.h"
#include "base/unique_fd.h"
#include "vmm/machine_spec.h"

namespace krun::runtime {

// One stream of payload output, as seen by whoever waits for its last byte.
struct Delivery {
    UniqueFd hangup;                               // end-of-file when everything has been written
    std::shared_ptr<std::atomic<bool>> connected;  // false: init never opened the stream
};

struct GuestStreams {
    std::vector<vmm::VsockPort> ports;
    UniqueFd init_connection;  // the host's end of the control port
    std::vector<Delivery> output;
};

// The three standard streams as pipes in the guest. Takes the descriptors 0, 1 and 2 of this process away:
// afterwards they are /dev/null, so that the readers of the container's output see end-of-file when the guest
// closes it. `dev_null` is open for reading and writing.
Result<GuestStreams> streams_of_stdio(BorrowedFd dev_null);
// One duplex stream to a terminal's slave, and none of stdio.
Result<GuestStreams> streams_of_terminal(BorrowedFd slave, BorrowedFd dev_null);

}  // namespace krun::runtime
