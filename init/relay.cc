// SPDX-License-Identifier: Apache-2.0
#include "init/relay.h"

#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <optional>

#include "base/fd.h"
#include "init/bounded_wait.h"

namespace krun::init {
namespace {

// A pipe's default capacity: one wake-up of the reader can take all that the writer could put. One for all
// relays, which share a thread; only what the sink does not take at once is kept by the relay itself.
std::array<std::byte, size_t{64} * 1024> g_scratch;

bool try_again(int error) {
    return error == EAGAIN || error == EINTR;
}

bool is_unix_socket(UniqueFd const& fd) {
    int domain = 0;
    socklen_t bytes = sizeof domain;
    return ::getsockopt(fd.borrow().raw(), SOL_SOCKET, SO_DOMAIN, &domain, &bytes) == 0 && domain == AF_UNIX;
}

short ready_events(UniqueFd const& fd, short events) {
    if (!fd.valid()) return POLLHUP | POLLERR;
    pollfd watched{fd.borrow().raw(), events, 0};
    return ::poll(&watched, 1, 0) < 0 ? short{0} : watched.revents;
}

}  // namespace

Relay::Relay(EventLoop& loop, UniqueFd source, UniqueFd sink, std::function<void()> done)
    : loop_(loop),
      source_(std::move(source)),
      sink_(std::move(sink)),
      done_(std::move(done)),
      carries_descriptors_(is_unix_socket(source_) || is_unix_socket(sink_)) {}

Relay::~Relay() {
    done_ = nullptr;
    close_both();
}

Result<std::unique_ptr<Relay>> Relay::make(EventLoop& loop, UniqueFd source, UniqueFd sink,
                                           std::function<void()> done) {
    TRY(set_nonblocking(source.borrow(), true));
    TRY(set_nonblocking(sink.borrow(), true));
    std::unique_ptr<Relay> relay(new Relay(loop, std::move(source), std::move(sink), std::move(done)));
    TRY(relay->watch());
    return relay;
}

uint64_t Relay::owed_bytes() const {
    if (!source_.valid()) return 0;
    // A terminal's bytes are under way until somebody polls (n_tty.c n_tty_poll).
    static_cast<void>(ready_events(source_, POLLIN));
    int waiting = 0;
    if (::ioctl(source_.borrow().raw(), FIONREAD, &waiting) < 0) waiting = 0;
    return static_cast<uint64_t>(waiting) + (pending_.size() - begin_);
}

bool Relay::has_writer() const {
    return (ready_events(source_, POLLIN) & POLLHUP) == 0;
}

bool Relay::has_reader() const {
    return (ready_events(sink_, POLLOUT) & (POLLERR | POLLHUP)) == 0;
}

Result<void> Relay::watch() {
    // Always watched: EPOLLERR is how a pipe says that its last reader has gone, data or not.
    TRY(loop_.add(sink_.borrow(), 0, [this](uint32_t events) { sink_ready(events); }));
    return expect(/*readable=*/true, /*writable=*/false);
}

// A source that is not read is not watched at all: a hung-up one would wake the loop without end.
Result<void> Relay::expect(bool readable, bool writable) {
    readable = readable && source_.valid();
    if (readable && !reading_)
        TRY(loop_.add(source_.borrow(), EPOLLIN, [this](uint32_t) { source_ready(); }));
    if (!readable && reading_) loop_.remove(source_.borrow());
    reading_ = readable;
    if (sink_.valid() && writable != writing_) TRY(loop_.modify(sink_.borrow(), writable ? EPOLLOUT : 0U));
    writing_ = writable;
    return {};
}

ssize_t Relay::read_some() {
    if (!carries_descriptors_) return ::read(source_.borrow().raw(), g_scratch.data(), g_scratch.size());
    BoundedWait const bounded;
    iovec part{g_scratch.data(), g_scratch.size()};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    ssize_t const n = ::recvmsg(source_.borrow().raw(), &message, 0);
    if (n < 0 && errno == ENOTSOCK) return ::read(source_.borrow().raw(), g_scratch.data(), g_scratch.size());
    // Once is enough: who sends descriptors over a stream of bytes means to hold init up.
    return n > 0 && (message.msg_flags & MSG_CTRUNC) != 0 ? 0 : n;
}

void Relay::source_ready() {
    ssize_t const n = read_some();
    if (n < 0 && try_again(errno)) return;
    // A terminal without processes says EIO, a reset connection ECONNRESET: nothing more will come.
    if (n <= 0) return close_both();
    auto const bytes = std::span(g_scratch).first(static_cast<size_t>(n));
    size_t const written = write_some(bytes);
    if (!sink_.valid()) return close_both();
    pending_.assign(bytes.begin() + static_cast<ptrdiff_t>(written), bytes.end());
    begin_ = 0;
    expect_either();
}

void Relay::sink_ready(uint32_t events) {
    // Nobody reads: what is pending is lost, as it would be in a pipe, and the writer is told.
    if ((events & (EPOLLERR | EPOLLHUP)) != 0) return close_both();
    if (begin_ != pending_.size()) write_pending();
}

void Relay::write_pending() {
    begin_ += write_some(std::span(pending_).subspan(begin_));
    if (!sink_.valid()) return close_both();
    if (begin_ == pending_.size()) {
        pending_ = {};
        begin_ = 0;
    }
    expect_either();
}

// Closes the sink when nobody reads from it.
size_t Relay::write_some(std::span<std::byte const> bytes) {
    size_t written = 0;
    while (written < bytes.size()) {
        ssize_t const n = ::write(sink_.borrow().raw(), bytes.data() + written, bytes.size() - written);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0 && errno == EAGAIN) break;
        if (n <= 0) {
            close_sink();
            break;
        }
        written += static_cast<size_t>(n);
    }
    moved_bytes_ += written;
    return written;
}

void Relay::expect_either() {
    bool const empty = begin_ == pending_.size();
    if (!expect(/*readable=*/empty, /*writable=*/!empty).ok()) close_both();
}

void Relay::close_both() {
    close_source();
    close_sink();
    if (!done_) return;
    auto const done = std::move(done_);
    done_ = nullptr;
    done();  // may destroy this
}

// The descriptor may be one of several for a socket, so closing it is not enough to tell the peer.
void Relay::close_source() {
    if (!source_.valid()) return;
    if (reading_) loop_.remove(source_.borrow());
    reading_ = false;
    close_quickly(source_, SHUT_RD);
}

void Relay::close_quickly(UniqueFd& end, int direction) {
    std::optional<BoundedWait> bounded;
    if (carries_descriptors_) bounded.emplace();
    ::shutdown(end.borrow().raw(), direction);  // ENOTSOCK for pipes and terminals, where close() tells
    end.reset();
}

void Relay::close_sink() {
    if (!sink_.valid()) return;
    loop_.remove(sink_.borrow());
    close_quickly(sink_, SHUT_WR);
}

}  // namespace krun::init
