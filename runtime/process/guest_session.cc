// SPDX-License-Identifier: Apache-2.0
#include "runtime/process/guest_session.h"

#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <ctime>
#include <utility>

#include "base/bytes.h"
#include "runtime/process/guest_frames.h"

namespace krun::runtime {
namespace {

using control::FrameType;

// Commands wait for their answers: more at once than this is nobody's use.
constexpr size_t kMaxAsked = 1024;
// Room for a few of the largest frames: a guest that lets more pile up has given up control.
constexpr size_t kMaxUnsentBytes = size_t{4} * control::kMaxHostBodyBytes;

Error not_running(Where where = Where::current()) {
    return Error(Errc::kBadState, "container not running", 0, where);
}

}  // namespace

Result<std::unique_ptr<GuestSession>> GuestSession::make(EventLoop& loop, UniqueFd connection,
                                                         Listener listener) {
    std::unique_ptr<GuestSession> session(new GuestSession(loop, std::move(connection), std::move(listener)));
    auto* const self = session.get();
    TRY(loop.add(self->connection_.borrow(), EPOLLIN, [self](uint32_t events) { self->ready(events); }));
    return session;
}

GuestSession::GuestSession(EventLoop& loop, UniqueFd connection, Listener listener)
    : loop_(loop), connection_(std::move(connection)), listener_(std::move(listener)) {}

GuestSession::~GuestSession() {
    if (connection_.valid()) loop_.remove(connection_.borrow());
}

Result<void> GuestSession::check_not_started() const {
    if (phase_ != GuestPhase::kReady)
        return fail(Error(Errc::kBadState, "cannot start an already running container"));
    return {};
}

Result<void> GuestSession::set_up_network(std::span<std::byte const> records) {
    TRY(check_not_started());
    return send(FrameType::kNetwork, 0, records);
}

Result<void> GuestSession::start() {
    TRY(check_not_started());
    // The kernel's own idea of the time is from before it had a clock that does not lose ticks.
    TRY(tell_time());
    phase_ = GuestPhase::kStarting;
    return send(FrameType::kStart, 0, {});
}

Result<uint32_t> GuestSession::exec(std::string_view config) {
    if (phase_ != GuestPhase::kReady) TRY(check_payload_runs());
    if (next_process_ == control::kMaxProcesses)
        return fail(Error(Errc::kBadState, "this container has executed as many processes as it can"));
    if (config.size() > control::kMaxHostBodyBytes)
        return fail(Error(Errc::kInvalidConfig, "the process is described by more than " +
                                                    std::to_string(control::kMaxHostBodyBytes) + " bytes"));
    uint32_t const process = next_process_++;
    TRY(send(FrameType::kExec, process, std::as_bytes(std::span(config))));
    processes_.emplace(process, false);
    return process;
}

Result<void> GuestSession::check_payload_runs() const {
    if (phase_ != GuestPhase::kRunning && phase_ != GuestPhase::kStarting) return fail(not_running());
    return {};
}

Result<void> GuestSession::signal(uint32_t process, uint32_t signo) {
    if (process == 0) TRY(check_payload_runs());
    if (phase_ == GuestPhase::kEnded) return fail(not_running());
    return send(FrameType::kSignal, process, control::SignalBody{signo});
}

Result<void> GuestSession::signal_all(uint32_t signo) {
    TRY(check_payload_runs());
    return send(FrameType::kSignalAll, 0, control::SignalBody{signo});
}

Result<void> GuestSession::resize(uint32_t process, uint16_t rows, uint16_t columns) {
    if (phase_ == GuestPhase::kBooting || phase_ == GuestPhase::kEnded) return fail(not_running());
    return send(FrameType::kResize, process, control::ResizeBody{rows, columns});
}

Result<void> GuestSession::cgroup_file(std::string_view request, CgroupAnswer answer) {
    if (phase_ != GuestPhase::kReady) TRY(check_payload_runs());
    if (asked_.size() == kMaxAsked) return fail(Error(Errc::kBadState, "the guest's init is too busy"));
    TRY(send(FrameType::kCgroup, 0, std::as_bytes(std::span(request))));
    asked_.push_back(std::move(answer));
    return {};
}

Result<void> GuestSession::tell_time() {
    if (phase_ != GuestPhase::kReady) TRY(check_payload_runs());
    timespec now{};
    ::clock_gettime(CLOCK_REALTIME, &now);
    return send(FrameType::kClock, 0, control::ClockBody{int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec});
}

Result<void> GuestSession::plugged(uint32_t device) {
    TRY(check_payload_runs());
    return send(FrameType::kPlugged, 0, control::PluggedBody{device});
}

Result<void> GuestSession::refuse(control::ConnectBody const& wanted) {
    if (phase_ == GuestPhase::kEnded) return fail(not_running());
    return send(FrameType::kRefused, 0, wanted);
}

Result<void> GuestSession::barrier_passed() {
    if (phase_ == GuestPhase::kEnded) return fail(not_running());
    return send(FrameType::kNotified, 0, {});
}

void GuestSession::end_with(GuestEnd end) {
    if (end_) return;
    end_ = std::move(end);
    phase_ = GuestPhase::kEnded;
    loop_.remove(connection_.borrow());
    for (auto const& answer : std::exchange(asked_, {})) answer(fail(not_running()));
    listener_.changed();
}

template <class Body>
Result<void> GuestSession::send(FrameType type, uint32_t process, Body const& body) {
    return send(type, process, std::as_bytes(std::span(&body, 1)));
}

Result<void> GuestSession::send(FrameType type, uint32_t process, std::span<std::byte const> body) {
    if (unsent_.size() + body.size() > kMaxUnsentBytes)
        return fail(Error(Errc::kGuestFault, "the guest's init does not read its control connection"));
    ByteWriter frame;
    frame.put(
        control::FrameHeader{static_cast<uint32_t>(body.size()), static_cast<uint16_t>(type), 0, process});
    frame.put_bytes(body);
    auto const bytes = std::move(frame).take();
    bool const was_idle = unsent_.empty();
    unsent_.insert(unsent_.end(), bytes.begin(), bytes.end());
    return was_idle ? flush() : Result<void>();
}

// What the socket does not take at once goes when the loop says that it takes more.
Result<void> GuestSession::flush() {
    ssize_t const n =
        ::send(connection_.borrow().raw(), unsent_.data(), unsent_.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n < 0 && errno != EAGAIN && errno != EINTR) return fail(Error::sys("send to the guest's init"));
    if (n > 0) unsent_.erase(unsent_.begin(), unsent_.begin() + n);
    return loop_.modify(connection_.borrow(), unsent_.empty() ? EPOLLIN : EPOLLIN | EPOLLOUT);
}

void GuestSession::ready(uint32_t events) {
    if ((events & ~uint32_t{EPOLLOUT}) != 0) readable();
    if (end_ || (events & EPOLLOUT) == 0) return;
    if (auto const flushed = flush(); !flushed.ok()) end_with({.reason = flushed.error().message()});
}

void GuestSession::readable() {
    std::array<std::byte, kBytesATurn> buffer;
    ssize_t const n = ::recv(connection_.borrow().raw(), buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (n <= 0) return end_with({.reason = "the guest's init closed its control connection"});
    received_.insert(received_.end(), buffer.begin(), buffer.begin() + n);
    consume_frames();
}

void GuestSession::consume_frames() {
    size_t used = 0;
    while (!end_) {
        ByteReader reader{std::span<std::byte const>(received_).subspan(used)};
        auto const header = reader.take<control::FrameHeader>();
        if (!header) break;
        if (auto const fault = header_fault(*header); !fault.empty()) return broke_protocol(fault);
        auto const body = reader.take_bytes(header->body_bytes);
        if (!body) break;
        used += sizeof *header + body->size();
        handle(*header, *body);
    }
    received_.erase(received_.begin(), received_.begin() + static_cast<ptrdiff_t>(used));
}

void GuestSession::handle(control::FrameHeader const& header, std::span<std::byte const> body) {
    auto const type = static_cast<FrameType>(header.type);
    if (header.process == 0) return handle_payload(type, body);
    handle_process(header.process, type, body);
}

void GuestSession::handle_payload(FrameType type, std::span<std::byte const> body) {
    switch (type) {
        case FrameType::kHello: {
            auto const hello = ByteReader(body).take<control::HelloBody>();
            if (hello->version != control::kVersion)
                return broke_protocol("another version of the control protocol");
            return advance(GuestPhase::kBooting, GuestPhase::kSetUp, "hello");
        }
        case FrameType::kReady:
            return advance(GuestPhase::kSetUp, GuestPhase::kReady, "ready");
        case FrameType::kStarted:
            return advance(GuestPhase::kStarting, GuestPhase::kRunning, "started");
        case FrameType::kFailed:
            return failed(body);
        case FrameType::kExited:
            return exited(body);
        case FrameType::kNotify:
            return notified(body);
        case FrameType::kConnect:
            return connect_wanted(body);
        case FrameType::kCgroupAnswer:
            return cgroup_answered(body);
        default:
            return;  // header_fault() knows no other
    }
}

// The socket is the payload's, which is there from ready on.
void GuestSession::notified(std::span<std::byte const> body) {
    if (phase_ == GuestPhase::kBooting || phase_ == GuestPhase::kSetUp)
        return broke_protocol("an untimely \"notify\"");
    if (listener_.notify) listener_.notify(*ByteReader(body).take_text(body.size()));
}

void GuestSession::connect_wanted(std::span<std::byte const> body) {
    if (phase_ == GuestPhase::kBooting || phase_ == GuestPhase::kSetUp)
        return broke_protocol("an untimely \"connect\"");
    if (listener_.connect) listener_.connect(*ByteReader(body).take<control::ConnectBody>());
}

void GuestSession::cgroup_answered(std::span<std::byte const> body) {
    if (asked_.empty()) return broke_protocol("an untimely \"cgroup answer\"");
    auto const answer = std::move(asked_.front());
    asked_.pop_front();
    ByteReader reader(body);
    auto const fixed = reader.take<control::CgroupAnswerBody>();
    if (fixed->error != 0)
        return answer(fail(Error(Errc::kSystem, "in the guest", static_cast<int>(fixed->error & 0xFFF))));
    answer(std::string(*reader.take_text(reader.left())));
}

void GuestSession::handle_process(uint32_t process, FrameType type, std::span<std::byte const> body) {
    auto const found = processes_.find(process);
    if (found == processes_.end()) return broke_protocol("a message of an unknown process");
    if (type == FrameType::kStarted) {
        if (std::exchange(found->second, true)) return broke_protocol("a process that started twice");
        return listener_.process(process, {.kind = ProcessEvent::Kind::kStarted});
    }
    std::optional<ProcessEvent> end;
    if (type == FrameType::kFailed && !found->second) end = failed_event(body);
    if (type == FrameType::kExited) end = exited_event(body);
    // What never ran can only have been killed; it has no status of its own.
    if (end && !found->second && end->kind == ProcessEvent::Kind::kExited && end->signal == 0) end.reset();
    if (!end) return broke_protocol("a bad message of a process");
    processes_.erase(found);
    listener_.process(process, *end);
}

void GuestSession::advance(GuestPhase from, GuestPhase to, char const* frame) {
    if (phase_ != from) return broke_protocol(std::string("an untimely \"") + frame + "\"");
    phase_ = to;
    listener_.changed();
}

void GuestSession::failed(std::span<std::byte const> body) {
    auto const event = failed_event(body);
    end_with({event.code, event.text, phase_ == GuestPhase::kRunning});
}

void GuestSession::exited(std::span<std::byte const> body) {
    auto const event = exited_event(body);
    if (!event) return broke_protocol("a bad \"exited\"");
    // A process that waits for start can only be killed.
    bool const waits = phase_ == GuestPhase::kReady || phase_ == GuestPhase::kStarting;
    if (phase_ != GuestPhase::kRunning && !(waits && event->signal != 0))
        return broke_protocol("an untimely \"exited\"");
    end_with({event->signal != 0 ? 128 + event->signal : event->code, "", true});
}

void GuestSession::broke_protocol(std::string const& what) {
    end_with({.reason = "the guest's init broke the control protocol: " + what});
}

}  // namespace krun::runtime
