// SPDX-License-Identifier: Apache-2.0
// What crosses the control socket. Both ends are the same build of the same program, run by the same user, but
// an older container process may still be there after an upgrade: hence the version.
#pragma once
#include <cstdint>

namespace krun::runtime {

inline constexpr uint32_t kControlWireVersion = 1;

struct ControlWireRequest {
    uint32_t version;
    uint32_t op;
    uint32_t argument;
};

// Followed by the error text to the end of the message, if `code` is not 0.
struct ControlWireReply {
    uint32_t code;  // 0, or 1 + the Errc
};

inline constexpr uint32_t kMaxControlReplyBytes = 4096;

}  // namespace krun::runtime
