// SPDX-License-Identifier: Apache-2.0
// What crosses the control socket, and the pipe on which a new container process reports to its creator. Both
// ends are the same program run by the same user, but an older container process may still be there after an
// upgrade: hence the version.
#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace krun::runtime {

inline constexpr uint32_t kControlWireVersion = 2;

struct ControlWireRequest {  // text may follow
    uint32_t version;
    uint32_t op;
    uint32_t argument;
};

// A longer text is cut: an error is one line, a file of a cgroup some 2 KiB.
inline constexpr uint32_t kMaxWireResultBytes = 16384;

// A result as one message: its code, then the error's or the success's text to the end of the message.
std::vector<std::byte> encode_result(Result<void> const& result, std::string_view text = {});
// `message` empty means that the sender ended before it answered: `if_silent`.
Result<std::string> decode_result(std::span<std::byte const> message, Error if_silent);

// What the container process says about an executed process, on the connection that asked for it.
enum class ExecEventKind : uint32_t {
    kStarted = 1,  // its program runs
    kFailed = 2,   // it never will; `code` and `text` say why. The last event
    kExited = 3,   // it has ended with `code`, or by `signal` if that is not 0. The last event
};
struct ExecEvent {
    ExecEventKind kind;
    uint32_t code = 0;
    uint32_t signal = 0;
    std::string text{};
};
std::vector<std::byte> encode_exec_event(ExecEvent const& event);
// nullopt for what no container process of this version says.
std::optional<ExecEvent> decode_exec_event(std::span<std::byte const> message);

}  // namespace krun::runtime
