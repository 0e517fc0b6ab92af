// SPDX-License-Identifier: Apache-2.0
#include "runtime/control/control_wire.h"

#include <algorithm>

#include "base/bytes.h"

namespace krun::runtime {
namespace {

// 0 is success; otherwise one more than the Errc.
using WireCode = uint32_t;

struct ExecWireEvent {
    uint32_t kind;
    uint32_t code;
    uint32_t signal;
};

}  // namespace

std::vector<std::byte> encode_result(Result<void> const& result, std::string_view text) {
    std::string const error = result.ok() ? "" : result.error().message();
    ByteWriter message;
    message.put(WireCode{result.ok() ? 0 : 1 + static_cast<uint32_t>(result.error().code())});
    message.put_text((result.ok() ? text : error).substr(0, kMaxWireResultBytes - sizeof(WireCode)));
    return std::move(message).take();
}

Result<std::string> decode_result(std::span<std::byte const> message, Error if_silent) {
    if (message.empty()) return fail(std::move(if_silent));
    ByteReader reader(message);
    auto const code = reader.take<WireCode>();
    if (!code) return fail(Error(Errc::kInternal, "the container process sent a short reply"));
    auto const text = reader.take_text(reader.left());
    if (*code == 0) return std::string(text.value_or(""));
    constexpr auto kLast = 1 + static_cast<WireCode>(Errc::kInternal);
    return fail(Error(static_cast<Errc>(std::min(*code, kLast) - 1), std::string(text.value_or(""))));
}

std::vector<std::byte> encode_exec_event(ExecEvent const& event) {
    ByteWriter message;
    message.put(ExecWireEvent{static_cast<uint32_t>(event.kind), event.code, event.signal});
    message.put_text(std::string_view(event.text).substr(0, kMaxWireResultBytes - sizeof(ExecWireEvent)));
    return std::move(message).take();
}

std::optional<ExecEvent> decode_exec_event(std::span<std::byte const> message) {
    ByteReader reader(message);
    auto const event = reader.take<ExecWireEvent>();
    if (!event || event->kind < 1 || event->kind > static_cast<uint32_t>(ExecEventKind::kExited))
        return std::nullopt;
    auto const text = reader.take_text(reader.left());
    return ExecEvent{static_cast<ExecEventKind>(event->kind), event->code, event->signal,
                     std::string(text.value_or(""))};
}

}  // namespace krun::runtime
