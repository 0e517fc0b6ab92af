// SPDX-License-Identifier: Apache-2.0
#include "init/control_link.h"

#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "base/bytes.h"
#include "base/fd.h"

namespace krun::init {
namespace {

constexpr uint32_t kPayload = 0;

template <class Body>
std::span<std::byte const> bytes_of(Body const& body) {
    return std::as_bytes(std::span(&body, 1));
}

}  // namespace

Result<void> ControlLink::send(control::FrameType type, std::span<std::byte const> head,
                               std::string_view text) {
    text = text.substr(0, control::kMaxBodyBytes - head.size());
    ByteWriter frame;
    frame.put(control::FrameHeader{static_cast<uint32_t>(head.size() + text.size()),
                                   static_cast<uint16_t>(type), 0, kPayload});
    frame.put_bytes(head).put_text(text);
    auto const bytes = std::move(frame).take();
    TRY_WITH(write_full(connection_.borrow(), bytes), "report to the host");
    return {};
}

Result<void> ControlLink::send_hello() {
    return send(control::FrameType::kHello, bytes_of(control::HelloBody{control::kVersion}), {});
}
Result<void> ControlLink::send_ready() {
    return send(control::FrameType::kReady, {}, {});
}
Result<void> ControlLink::send_started() {
    return send(control::FrameType::kStarted, {}, {});
}
Result<void> ControlLink::send_failed(uint32_t exit_code, std::string const& text) {
    return send(control::FrameType::kFailed, bytes_of(control::FailedBody{exit_code}), text);
}
Result<void> ControlLink::send_exited(uint32_t exit_code, uint32_t signal) {
    return send(control::FrameType::kExited, bytes_of(control::ExitedBody{exit_code, signal}), {});
}

Result<std::vector<Frame>> ControlLink::receive() {
    std::array<std::byte, 4096> chunk;
    ssize_t const n = ::recv(connection_.borrow().raw(), chunk.data(), chunk.size(), MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return std::vector<Frame>();
    if (n < 0) return fail(Error::sys("listen to the host"));
    if (n == 0) return fail(Error(Errc::kSystem, "the host has closed the control connection"));
    received_.insert(received_.end(), chunk.begin(), chunk.begin() + n);

    std::vector<Frame> frames;
    ByteReader reader(received_);
    while (reader.left() >= sizeof(control::FrameHeader)) {
        ByteReader ahead = reader;
        auto const header = ahead.take<control::FrameHeader>();
        if (header->body_bytes > control::kMaxBodyBytes)
            return fail(Error(Errc::kInternal, "the host has sent a frame above 64 KiB"));
        auto const body = ahead.take_bytes(header->body_bytes);
        if (!body) break;
        frames.push_back({*header, std::vector<std::byte>(body->begin(), body->end())});
        reader = ahead;
    }
    received_.erase(received_.begin(), received_.end() - static_cast<ptrdiff_t>(reader.left()));
    return frames;
}

}  // namespace krun::init
