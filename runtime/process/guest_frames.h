// SPDX-License-Identifier: Apache-2.0
// What init may say on the control connection, frame by frame (docs/control-protocol.md): the rules, and the
// events that come out of bytes which keep to them. Every byte here is the guest's.
#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "config-gen/control_protocol.h"

namespace krun::runtime {

// What init said about a process.
struct ProcessEvent {
    enum class Kind { kStarted, kFailed, kExited };
    Kind kind;
    uint32_t code = 0;
    uint32_t signal = 0;
    uint32_t open_streams = 0;  // control::ExitedBody
    std::string text{};         // of kFailed, printable
};

// What is wrong with the header of a frame, or empty. Its body is not waited for then.
std::string header_fault(control::FrameHeader const& header);

// REQUIRES, both: header_fault() had nothing against the body's length.
// Never a success, whatever the guest claims.
ProcessEvent failed_event(std::span<std::byte const> body);
// nullopt: no process ends like that.
std::optional<ProcessEvent> exited_event(std::span<std::byte const> body);

}  // namespace krun::runtime
