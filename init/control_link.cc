// SPDX-License-Identifier: Apache-2.0
#include "init/control_link.h"

#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>

#include "base/bytes.h"

namespace krun::init {
namespace {

constexpr uint32_t kPayload = 0;

template <class Body>
std::span<std::byte const> bytes_of(Body const& body) {
    return std::as_bytes(std::span(&body, 1));
}

}  // namespace

Result<void> ControlLink::send(control::FrameType type, uint32_t process, std::span<std::byte const> head,
                               std::string_view text) {
    text = text.substr(0, control::kMaxGuestBodyBytes - head.size());
    ByteWriter frame;
    frame.put(control::FrameHeader{static_cast<uint32_t>(head.size() + text.size()),
                                   static_cast<uint16_t>(type), 0, process});
    frame.put_bytes(head).put_text(text);
    auto const bytes = std::move(frame).take();
    unsent_.insert(unsent_.end(), bytes.begin(), bytes.end());
    return flush();
}

Result<void> ControlLink::send_hello() {
    return send(control::FrameType::kHello, kPayload, bytes_of(control::HelloBody{control::kVersion}), {});
}
Result<void> ControlLink::send_ready() {
    return send(control::FrameType::kReady, kPayload, {}, {});
}
Result<void> ControlLink::send_started(uint32_t process) {
    return send(control::FrameType::kStarted, process, {}, {});
}
Result<void> ControlLink::send_failed(uint32_t process, uint32_t exit_code, std::string_view text) {
    return send(control::FrameType::kFailed, process, bytes_of(control::FailedBody{exit_code}), text);
}
Result<void> ControlLink::send_exited(uint32_t process, control::ExitedBody const& body) {
    return send(control::FrameType::kExited, process, bytes_of(body), {});
}
Result<void> ControlLink::send_notify(std::string_view text) {
    return send(control::FrameType::kNotify, kPayload, {}, text);
}

Result<void> ControlLink::send_connect(control::ConnectBody const& body) {
    return send(control::FrameType::kConnect, kPayload, bytes_of(body), {});
}

Result<void> ControlLink::send_cgroup_answer(Result<std::string> const& answer) {
    control::CgroupAnswerBody body{};
    if (!answer.ok()) body.error = static_cast<uint32_t>(answer.error().sys_errno());
    return send(control::FrameType::kCgroupAnswer, kPayload, bytes_of(body),
                answer.ok() ? std::string_view(answer.value()) : std::string_view());
}

Result<void> ControlLink::flush() {
    size_t sent = 0;
    while (sent < unsent_.size()) {
        ssize_t const n = ::send(connection_.borrow().raw(), unsent_.data() + sent, unsent_.size() - sent,
                                 MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0 && errno == EAGAIN) break;
        if (n < 0) return fail(Error::sys("report to the host"));
        sent += static_cast<size_t>(n);
    }
    unsent_.erase(unsent_.begin(), unsent_.begin() + static_cast<ptrdiff_t>(sent));
    return {};
}

Result<void> ControlLink::flush_all() {
    while (!unsent_.empty()) {
        pollfd watched{connection_.borrow().raw(), POLLOUT, 0};
        ::poll(&watched, 1, -1);
        TRY(flush());
    }
    return {};
}

Result<std::vector<Frame>> ControlLink::receive() {
    std::array<std::byte, 16384> chunk;
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
        if (header->body_bytes > control::kMaxHostBodyBytes)
            return fail(Error(Errc::kInternal, "the host has sent a frame above 8 MiB"));
        auto const body = ahead.take_bytes(header->body_bytes);
        if (!body) break;
        frames.push_back({*header, std::vector<std::byte>(body->begin(), body->end())});
        reader = ahead;
    }
    received_.erase(received_.begin(), received_.end() - static_cast<ptrdiff_t>(reader.left()));
    return frames;
}

}  // namespace krun::init
