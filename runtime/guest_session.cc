// SPDX-License-Identifier: Apache-2.0
#include "runtime/guest_session.h"

#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "base/bytes.h"
#include "base/strings.h"

namespace krun::runtime {
namespace {

// What init may say of a payload that never ran; a longer text is cut (it ends up in one log line).
constexpr size_t kMaxTextBytes = 512;

struct Empty {};

}  // namespace

Result<std::unique_ptr<GuestSession>> GuestSession::make(EventLoop& loop, UniqueFd connection,
                                                         std::function<void()> changed) {
    std::unique_ptr<GuestSession> session(new GuestSession(loop, std::move(connection), std::move(changed)));
    auto* const self = session.get();
    TRY(loop.add(self->connection_.borrow(), EPOLLIN, [self](uint32_t) { self->readable(); }));
    return session;
}

GuestSession::GuestSession(EventLoop& loop, UniqueFd connection, std::function<void()> changed)
    : loop_(loop), connection_(std::move(connection)), changed_(std::move(changed)) {}

GuestSession::~GuestSession() {
    if (connection_.valid()) loop_.remove(connection_.borrow());
}

Result<void> GuestSession::start() {
    if (phase_ != GuestPhase::kReady)
        return fail(Error(Errc::kBadState, "cannot start an already running container"));
    phase_ = GuestPhase::kStarting;
    return send(control::FrameType::kStart, Empty{});
}

Result<void> GuestSession::signal(uint32_t signo) {
    if (phase_ != GuestPhase::kRunning && phase_ != GuestPhase::kStarting)
        return fail(Error(Errc::kBadState, "container not running"));
    return send(control::FrameType::kSignal, control::SignalBody{signo});
}

Result<void> GuestSession::resize(uint16_t rows, uint16_t columns) {
    if (phase_ == GuestPhase::kBooting || phase_ == GuestPhase::kEnded)
        return fail(Error(Errc::kBadState, "container not running"));
    return send(control::FrameType::kResize, control::ResizeBody{rows, columns});
}

void GuestSession::end_with(GuestEnd end) {
    if (end_) return;
    end_ = std::move(end);
    phase_ = GuestPhase::kEnded;
    loop_.remove(connection_.borrow());
    changed_();
}

template <class Body>
Result<void> GuestSession::send(control::FrameType type, Body const& body) {
    constexpr uint32_t kBodyBytes = std::is_empty_v<Body> ? 0 : sizeof(Body);
    ByteWriter frame;
    frame.put(control::FrameHeader{kBodyBytes, static_cast<uint16_t>(type), 0, 0});
    if constexpr (kBodyBytes > 0) frame.put(body);
    auto const bytes = std::move(frame).take();
    // The socket's buffer holds thousands of these; a guest that reads none of them has given up control.
    ssize_t const n =
        ::send(connection_.borrow().raw(), bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n == static_cast<ssize_t>(bytes.size())) return {};
    if (n < 0 && errno != EAGAIN) return fail(Error::sys("send to the guest's init"));
    return fail(Error(Errc::kGuestFault, "the guest's init does not read its control connection"));
}

void GuestSession::readable() {
    std::array<std::byte, 16 * 1024> buffer;
    ssize_t const n = ::recv(connection_.borrow().raw(), buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (n <= 0) return end_with({255, "the guest's init closed its control connection"});
    received_.insert(received_.end(), buffer.begin(), buffer.begin() + n);
    consume_frames();
}

void GuestSession::consume_frames() {
    size_t used = 0;
    while (!end_) {
        ByteReader reader{std::span<std::byte const>(received_).subspan(used)};
        auto const header = reader.take<control::FrameHeader>();
        if (!header) break;
        if (header->body_bytes > control::kMaxBodyBytes)
            return broke_protocol("a frame of " + std::to_string(header->body_bytes) + " bytes");
        auto const body = reader.take_bytes(header->body_bytes);
        if (!body) break;
        used += sizeof *header + body->size();
        handle(*header, *body);
    }
    received_.erase(received_.begin(), received_.begin() + static_cast<ptrdiff_t>(used));
}

void GuestSession::handle(control::FrameHeader const& header, std::span<std::byte const> body) {
    if (header.process != 0) return broke_protocol("a message of an unknown process");
    switch (static_cast<control::FrameType>(header.type)) {
        case control::FrameType::kHello: {
            auto const hello = ByteReader(body).take<control::HelloBody>();
            if (!hello || hello->version != control::kVersion)
                return broke_protocol("another version of the control protocol");
            return advance(GuestPhase::kBooting, GuestPhase::kSetUp, "hello");
        }
        case control::FrameType::kReady:
            return advance(GuestPhase::kSetUp, GuestPhase::kReady, "ready");
        case control::FrameType::kStarted:
            return advance(GuestPhase::kStarting, GuestPhase::kRunning, "started");
        case control::FrameType::kFailed:
            return failed(body);
        case control::FrameType::kExited:
            return exited(body);
        default:
            return broke_protocol("message type " + std::to_string(header.type));
    }
}

void GuestSession::advance(GuestPhase from, GuestPhase to, char const* frame) {
    if (phase_ != from) return broke_protocol(std::string("an untimely \"") + frame + "\"");
    phase_ = to;
    changed_();
}

void GuestSession::failed(std::span<std::byte const> body) {
    ByteReader reader(body);
    auto const fixed = reader.take<control::FailedBody>();
    if (!fixed) return broke_protocol("a short \"failed\"");
    auto const text = reader.take_text(std::min(reader.left(), kMaxTextBytes));
    // Never a success, whatever the guest claims.
    uint32_t const status = fixed->exit_code >= 1 && fixed->exit_code <= 255 ? fixed->exit_code : 255;
    end_with({status, printable(text.value_or(""))});
}

void GuestSession::exited(std::span<std::byte const> body) {
    auto const exit = ByteReader(body).take<control::ExitedBody>();
    if (!exit || exit->exit_code > 255 || exit->signal > 64) return broke_protocol("a bad \"exited\"");
    if (phase_ != GuestPhase::kRunning) return broke_protocol("an untimely \"exited\"");
    end_with({exit->signal != 0 ? 128 + exit->signal : exit->exit_code, ""});
}

void GuestSession::broke_protocol(std::string const& what) {
    end_with({255, "the guest's init broke the control protocol: " + what});
}

}  // namespace krun::runtime
