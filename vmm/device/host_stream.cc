// SPDX-License-Identifier: Apache-2.0
#include "vmm/device/host_stream.h"

#include <limits.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>

#include "vmm/device/iovec_slice.h"
#include "vmm/kick.h"

namespace krun::vmm {
namespace {

// A terminal polls writable when fewer than 256 bytes wait in its driver (n_tty's WAKEUP_CHARS); a write of
// about as much is the least likely to wait.
constexpr size_t kTerminalBytes = 256;

// How long a call may wait that should not have waited. Nobody notices a stream that pauses so long.
constexpr std::chrono::milliseconds kLongestCall{10};

int count(std::span<iovec const> iov) {
    return static_cast<int>(std::min<size_t>(iov.size(), IOV_MAX));
}

}  // namespace

HostStream::HostStream(UniqueFd fd, Direction direction, EventLoop& loop, std::function<void()> ready,
                       UniqueFd gate)
    : fd_(std::move(fd)),
      gate_(std::move(gate)),
      direction_(direction),
      loop_(&loop),
      ready_(std::move(ready)) {
    struct stat status {};
    if (!fd_.valid() || ::fstat(fd_.borrow().raw(), &status) < 0) return;
    if (S_ISSOCK(status.st_mode)) method_ = Method::kSocket;
    if (S_ISREG(status.st_mode) || S_ISBLK(status.st_mode)) method_ = Method::kPlain;
}

HostStream::Transfer HostStream::transfer(std::span<iovec const> iov) {
    if (!fd_.valid()) return {Outcome::kEnded, 0};
    if (!passes_gate()) return {Outcome::kBlocked, 0};
    while (true) {
        ssize_t const n = attempt(iov);
        if (n > 0) return {Outcome::kMoved, static_cast<size_t>(n)};
        if (n == 0) return {Outcome::kEnded, 0};  // end-of-file; a write of something never returns 0
        // Interrupted: by the alarm, and there was no room after all; or by anything else, then wait()
        // returns at once.
        if (errno == EAGAIN || errno == EINTR) return {Outcome::kBlocked, 0};
        if (errno == EOPNOTSUPP && method_ == Method::kNoWait) {
            method_ = Method::kPolled;
            continue;
        }
        return {Outcome::kEnded, 0};  // EPIPE, ECONNRESET, EIO of a terminal that hung up, ENOSPC …
    }
}

bool HostStream::passes_gate() {
    if (!gate_.valid()) return true;
    pollfd state{.fd = gate_.borrow().raw(), .events = POLLIN, .revents = 0};
    if (::poll(&state, 1, 0) <= 0) return false;
    close_gate();
    return true;
}

void HostStream::close_gate() {
    if (gate_watched_) loop_->remove(gate_.borrow());
    gate_watched_ = false;
    gate_.reset();
}

ssize_t HostStream::attempt(std::span<iovec const> iov) {
    switch (method_) {
        case Method::kSocket:
            return socket_call(iov);
        case Method::kPlain:
            return plain_call(iov);
        case Method::kNoWait:
            return no_wait_call(iov);
        case Method::kPolled:
            return polled_call(iov);
    }
    return 0;
}

ssize_t HostStream::socket_call(std::span<iovec const> iov) const {
    msghdr message{};
    message.msg_iov = const_cast<iovec*>(iov.data());  // the kernel only reads the array
    message.msg_iovlen = static_cast<size_t>(count(iov));
    return direction_ == Direction::kRead
               ? ::recvmsg(fd_.borrow().raw(), &message, MSG_DONTWAIT)
               : ::sendmsg(fd_.borrow().raw(), &message, MSG_DONTWAIT | MSG_NOSIGNAL);
}

ssize_t HostStream::plain_call(std::span<iovec const> iov) const {
    return direction_ == Direction::kRead ? ::readv(fd_.borrow().raw(), iov.data(), count(iov))
                                          : ::writev(fd_.borrow().raw(), iov.data(), count(iov));
}

ssize_t HostStream::no_wait_call(std::span<iovec const> iov) const {
    off_t const here = -1;  // the description's own position, as read(2) and write(2) use it
    return direction_ == Direction::kRead
               ? ::preadv2(fd_.borrow().raw(), iov.data(), count(iov), here, RWF_NOWAIT)
               : ::pwritev2(fd_.borrow().raw(), iov.data(), count(iov), here, RWF_NOWAIT);
}

ssize_t HostStream::polled_call(std::span<iovec const> iov) {
    bool const reading = direction_ == Direction::kRead;
    pollfd state{
        .fd = fd_.borrow().raw(), .events = static_cast<short>(reading ? POLLIN : POLLOUT), .revents = 0};
    int const n = ::poll(&state, 1, 0);
    if (n < 0) return -1;
    if (n == 0) {
        errno = EAGAIN;
        return -1;
    }
    // POLLHUP and POLLERR alone are good enough: then the call returns at once with the reason.
    if (reading) return bounded_call(iov);
    slice_iovecs(iov, 0, ::isatty(fd_.borrow().raw()) != 0 ? kTerminalBytes : PIPE_BUF, part_);
    return bounded_call(part_);
}

// Without an alarm (RLIMIT_SIGPENDING) the call may wait as long as a sharer of the descriptor makes it.
ssize_t HostStream::bounded_call(std::span<iovec const> iov) {
    if (!alarm_ && install_kick_handler().ok()) {
        if (auto alarm = Alarm::make(); alarm.ok()) alarm_.emplace(std::move(alarm).value());
    }
    if (!alarm_) return plain_call(iov);
    Kickable const kickable;
    alarm_->ring_every(kLongestCall);
    ssize_t const n = plain_call(iov);
    int const error = errno;
    alarm_->stop();
    errno = error;
    return n;
}

bool HostStream::wait() {
    if (!fd_.valid()) return false;
    if (gate_.valid()) return watch(gate_, EPOLLIN | EPOLLONESHOT, gate_watched_);
    // One shot: a level-triggered watch that nobody can serve now (no credit, no buffers) would spin, and
    // EPOLLHUP cannot be masked in any other way.
    uint32_t const events = (direction_ == Direction::kRead ? EPOLLIN : EPOLLOUT) | EPOLLONESHOT;
    return watch(fd_, events, watched_);
}

bool HostStream::watch(UniqueFd const& fd, uint32_t events, bool& watched) {
    if (watched) return loop_->modify(fd.borrow(), events).ok();
    // The watch has its own copy, which the loop keeps alive while it runs.
    watched = loop_->add(fd.borrow(), events, [ready = ready_](uint32_t) { ready(); }).ok();
    return watched;
}

void HostStream::close() {
    close_gate();
    if (watched_) loop_->remove(fd_.borrow());
    watched_ = false;
    fd_.reset();
}

void HostStream::shut_down() {
    // An error means that the peer is gone already.
    if (fd_.valid()) ::shutdown(fd_.borrow().raw(), direction_ == Direction::kRead ? SHUT_RD : SHUT_WR);
    close();
}

bool same_socket(UniqueFd const& a, UniqueFd const& b) {
    struct stat of_a {
    }, of_b{};
    if (!a.valid() || !b.valid()) return false;
    if (::fstat(a.borrow().raw(), &of_a) < 0 || ::fstat(b.borrow().raw(), &of_b) < 0) return false;
    return S_ISSOCK(of_a.st_mode) && of_a.st_dev == of_b.st_dev && of_a.st_ino == of_b.st_ino;
}

}  // namespace krun::vmm
