// SPDX-License-Identifier: Apache-2.0
// The control socket of a container: `control.sock` in its state directory (mode 0700), AF_UNIX
// SOCK_SEQPACKET, bound by the container process. One request and one reply a connection.
#pragma once
#include <cstdint>
#include <string>

#include "base/error.h"
#include "base/unique_fd.h"

namespace krun::runtime {

inline constexpr char const* kControlSocketName = "control.sock";

enum class ControlOp : uint32_t {
    kStart = 1,   // runs the payload; answered when execve succeeded or failed
    kSignal = 2,  // `argument` is the signal number, 1..64
    kResize = 3,  // `argument` is rows << 16 | columns
};

struct ControlRequest {
    ControlOp op;
    uint32_t argument = 0;
};

// Sends one request and waits for its reply. kBadState when the container process is gone or refuses,
// otherwise the error that the container process reports, in its words. kStart waits for the guest; the other
// operations are answered at once.
Result<void> control_request(BorrowedFd state_dir, ControlRequest request);

// Why the VM ended without a status of the payload, as recorded in the state directory; empty if it did not.
std::string read_end_reason(BorrowedFd state_dir);

}  // namespace krun::runtime
