// SPDX-License-Identifier: Apache-2.0
// Which host descriptors are behind the streams of a process in the guest (config-gen/control_protocol.h):
// they go straight to the vsock device, without a copy through any event loop.
#pragma once
#include <cstdint>
#include <vector>

#include "base/error.h"
#include "base/unique_fd.h"
#include "vmm/machine.h"

namespace krun::runtime {

// One stream that the host is going to open.
struct GuestStream {
    uint32_t number;  // control::kMaxStreams bounds it
    vmm::StreamEnds ends;
};

// One stream that is open. `over` reads end-of-file when the guest has ended it and the last byte that it
// sent has been written.
struct OpenStream {
    uint32_t number;
    bool output;  // the guest sends
    UniqueFd over;
};

// The three standard streams. Takes the descriptors 0, 1 and 2 of this process away: afterwards they are
// /dev/null, so that the readers of the container's output see end-of-file when the guest closes it.
// `dev_null` is open for reading and writing.
Result<std::vector<GuestStream>> streams_of_stdio(BorrowedFd dev_null);
// A terminal's slave, and nothing of stdio, which is taken away as above.
Result<std::vector<GuestStream>> streams_of_terminal(BorrowedFd slave, BorrowedFd dev_null);
// What is passed on under its own number: to the guest, to the host or both, as `fd` is open.
Result<GuestStream> stream_of(uint32_t number, UniqueFd fd);
// Of an executed process: its standard streams, or one terminal, then what is passed on, numbered from 3.
// kInvalidConfig if that are too few or too many.
Result<std::vector<GuestStream>> streams_of_exec(std::vector<UniqueFd> fds, bool terminal);

// Opens streams of a guest process. With a valid `gate` nothing is read from the host before that hangs up.
Result<std::vector<OpenStream>> connect_streams(vmm::Machine& machine, uint32_t process,
                                                std::vector<GuestStream> streams,
                                                UniqueFd const& gate = UniqueFd());

// A connection that was accepted for the payload's listening socket `number`: `connection` counts them. The
// result reads end-of-file when it is over.
Result<UniqueFd> connect_accepted(vmm::Machine& machine, uint32_t connection, uint32_t number,
                                  UniqueFd socket);

// The same for a connection that the payload asked for, to a unix socket of the host's.
Result<UniqueFd> connect_bound(vmm::Machine& machine, uint32_t connection, UniqueFd socket);

}  // namespace krun::runtime
