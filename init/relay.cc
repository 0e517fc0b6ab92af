// SPDX-License-Identifier: Apache-2.0
#include "init/relay.h"

#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

#include "base/fd.h"

namespace krun::init {
namespace {

// A pipe's default capacity: one wake-up of the reader can take all that the writer could put.
constexpr size_t kBufferBytes = 64 * 1024;

bool try_again(int error) {
    return error == EAGAIN || error == EINTR;
}

}  // namespace

Relay::Relay(EventLoop& loop, UniqueFd source, UniqueFd sink, std::function<void()> done)
    : loop_(loop),
      source_(std::move(source)),
      sink_(std::move(sink)),
      done_(std::move(done)),
      buffer_(kBufferBytes) {}

Relay::~Relay() {
    done_ = nullptr;
    close_source();
    close_sink();
}

Result<std::unique_ptr<Relay>> Relay::make(EventLoop& loop, UniqueFd source, UniqueFd sink,
                                           std::function<void()> done) {
    TRY(set_nonblocking(source.borrow(), true));
    TRY(set_nonblocking(sink.borrow(), true));
    std::unique_ptr<Relay> relay(new Relay(loop, std::move(source), std::move(sink), std::move(done)));
    TRY(relay->watch());
    return relay;
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

void Relay::source_ready() {
    ssize_t const n = ::read(source_.borrow().raw(), buffer_.data(), buffer_.size());
    if (n < 0 && try_again(errno)) return;
    if (n <= 0) {
        // A terminal without processes says EIO, a reset connection ECONNRESET: nothing more will come.
        close_source();
        close_sink();
        return finish_if_done();
    }
    begin_ = 0;
    end_ = static_cast<size_t>(n);
    write_pending();
}

void Relay::sink_ready(uint32_t events) {
    if ((events & (EPOLLERR | EPOLLHUP)) != 0) {
        // Nobody reads: what is pending is lost, as it would be in a pipe, and the writer is told.
        close_sink();
        close_source();
        return finish_if_done();
    }
    if (begin_ != end_) write_pending();
}

void Relay::write_pending() {
    while (begin_ != end_) {
        ssize_t const n = ::write(sink_.borrow().raw(), buffer_.data() + begin_, end_ - begin_);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0 && errno == EAGAIN) break;
        if (n <= 0) return sink_ready(EPOLLERR);
        begin_ += static_cast<size_t>(n);
        moved_bytes_ += static_cast<uint64_t>(n);
    }
    bool const empty = begin_ == end_;
    if (!expect(/*readable=*/empty, /*writable=*/!empty).ok()) sink_ready(EPOLLERR);
}

// The descriptor may be one of several for a socket, so closing it is not enough to tell the peer.
void Relay::close_source() {
    if (!source_.valid()) return;
    if (reading_) loop_.remove(source_.borrow());
    reading_ = false;
    ::shutdown(source_.borrow().raw(), SHUT_RD);  // ENOTSOCK for pipes and terminals, where close() tells
    source_.reset();
}

void Relay::close_sink() {
    if (!sink_.valid()) return;
    loop_.remove(sink_.borrow());
    ::shutdown(sink_.borrow().raw(), SHUT_WR);
    sink_.reset();
}

void Relay::finish_if_done() {
    if (!done() || !done_) return;
    auto const done = std::move(done_);
    done();  // may destroy this
}

}  // namespace krun::init
