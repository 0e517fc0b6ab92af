// SPDX-License-Identifier: Apache-2.0
// The control connection between the VM process and init: vsock ports, frames and messages. Init opens the
// connection before any payload code runs; each port accepts one connection in the life of a VM, so nothing
// a payload can open later speaks for init. Prose: docs/control-protocol.md.
#pragma once
#include <cstdint>

namespace krun::control {

inline constexpr uint32_t kVersion = 1;

// Ports on the host (VMADDR_CID_HOST).
enum Port : uint32_t {
    kControlPort = 27506,
    kStdinPort = 27507,    // host to guest only
    kStdoutPort = 27508,   // guest to host only
    kStderrPort = 27509,   // guest to host only
    kConsolePort = 27510,  // both ways: the payload's terminal
};

// Precedes each message, little-endian. `process` 0 is the payload.
struct FrameHeader {
    uint32_t body_bytes;
    uint16_t type;
    uint16_t reserved;  // 0
    uint32_t process;
};
static_assert(sizeof(FrameHeader) == 12);

// A longer body is a protocol error: no message needs more, and it bounds what either side buffers.
inline constexpr uint32_t kMaxBodyBytes = 64 * 1024;

enum class FrameType : uint16_t {
    // guest to host
    kHello = 1,    // HelloBody; the first frame
    kReady = 2,    // empty: mounts are done, args[0] is resolved, the payload waits for kStart
    kFailed = 3,   // FailedBody, then text to the end of the body: the payload will never run
    kStarted = 4,  // empty: execve succeeded
    kExited = 5,   // ExitedBody: reaped, output delivered, files synced
    // host to guest
    kStart = 16,   // empty
    kSignal = 17,  // SignalBody
    kResize = 18,  // ResizeBody
};

struct HelloBody {
    uint32_t version;
};
// exit_code: 125 set-up, 126 not executable, 127 not found (cli-contract as runc's users know it).
struct FailedBody {
    uint32_t exit_code;
};
// Exactly one is meaningful: signal != 0 means death by that signal.
struct ExitedBody {
    uint32_t exit_code;
    uint32_t signal;
};
struct SignalBody {
    uint32_t signal;  // 1..64
};
struct ResizeBody {
    uint16_t rows;
    uint16_t columns;
};

}  // namespace krun::control
