// SPDX-License-Identifier: Apache-2.0
#include "runtime/process/guest_frames.h"

#include <algorithm>
#include <iterator>

#include "base/bytes.h"
#include "base/signal_action.h"
#include "base/strings.h"

namespace krun::runtime {
namespace {

using control::FrameType;

// What init may say of a process that never ran; a longer text is cut (it ends up in one log line).
constexpr size_t kMaxTextBytes = 512;

// How long the body of each frame may be (docs/control-protocol.md, Frames).
struct BodyRule {
    FrameType type;
    char const* name;
    size_t min_bytes;
    size_t max_bytes;
};
constexpr BodyRule kBodyRules[] = {
    {FrameType::kHello, "hello", sizeof(control::HelloBody), sizeof(control::HelloBody)},
    {FrameType::kReady, "ready", 0, 0},
    {FrameType::kFailed, "failed", sizeof(control::FailedBody), control::kMaxGuestBodyBytes},
    {FrameType::kStarted, "started", 0, 0},
    {FrameType::kExited, "exited", sizeof(control::ExitedBody), sizeof(control::ExitedBody)},
    {FrameType::kNotify, "notify", 0, control::kMaxNotifyBytes},
    {FrameType::kConnect, "connect", sizeof(control::ConnectBody), sizeof(control::ConnectBody)},
    {FrameType::kCgroupAnswer, "cgroup answer", sizeof(control::CgroupAnswerBody),
     control::kMaxGuestBodyBytes},
};

}  // namespace

std::string header_fault(control::FrameHeader const& header) {
    auto const* const rule = std::find_if(std::begin(kBodyRules), std::end(kBodyRules), [&](auto const& r) {
        return r.type == static_cast<FrameType>(header.type);
    });
    if (rule == std::end(kBodyRules)) return "message type " + std::to_string(header.type);
    std::string const name = quoted(rule->name);
    if (header.reserved != 0) return name + " with reserved bits set";
    if (header.body_bytes < rule->min_bytes || header.body_bytes > rule->max_bytes)
        return name + " of " + std::to_string(header.body_bytes) + " bytes";
    return {};
}

ProcessEvent failed_event(std::span<std::byte const> body) {
    ByteReader reader(body);
    auto const fixed = reader.take<control::FailedBody>();
    auto const text = reader.take_text(std::min(reader.left(), kMaxTextBytes));
    uint32_t const code = fixed->exit_code >= 1 && fixed->exit_code <= 255 ? fixed->exit_code : 255;
    return {.kind = ProcessEvent::Kind::kFailed, .code = code, .text = printable(text.value_or(""))};
}

std::optional<ProcessEvent> exited_event(std::span<std::byte const> body) {
    auto const exit = ByteReader(body).take<control::ExitedBody>();
    if (exit->exit_code > 255 || exit->signal > 64) return std::nullopt;
    // Whoever stands for the process on the host dies by that signal, which a stop signal would not do.
    if (exit->signal != 0 && !ends_a_process(static_cast<int>(exit->signal))) return std::nullopt;
    return ProcessEvent{.kind = ProcessEvent::Kind::kExited,
                        .code = exit->exit_code,
                        .signal = exit->signal,
                        .open_streams = exit->open_streams};
}

}  // namespace krun::runtime
