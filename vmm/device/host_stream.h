// SPDX-License-Identifier: Apache-2.0
// One direction of a host descriptor that others may share: a pipe, terminal, socket or file whose open
// file description is also in the caller's shell or engine. O_NONBLOCK is a flag of that description, so it
// is never set here: it would make *their* reads and writes fail. How we do not block without it:
//   socket          MSG_DONTWAIT
//   file, block     plain calls: the disk is always ready, and epoll does not take them
//   all others      RWF_NOWAIT; where that is not supported (terminals; pipes before Linux 6.4, named ones
//                   later), poll() first and then move no more than readiness guarantees: a pipe that polls
//                   writable has a free page, so PIPE_BUF bytes fit.
//                   A terminal promises less than that, and a sharer may come in between: then a timer
//                   interrupts the call.
// One thread, the loop's. SIGPIPE and kicks (vmm/kick.h) must be blocked there: a write without a reader has
// to return EPIPE.
#pragma once
#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "base/event_loop.h"
#include "base/unique_fd.h"
#include "vmm/alarm.h"

namespace krun::vmm {

class HostStream {
public:
    enum class Direction { kRead, kWrite };
    // `fd` may be invalid: then the stream has ended already. `ready` runs after wait(), on the loop's
    // thread; it may destroy the stream. With a `gate` nothing is moved before that is readable or hung up.
    HostStream(UniqueFd fd, Direction direction, EventLoop& loop, std::function<void()> ready,
               UniqueFd gate = UniqueFd());
    ~HostStream() { close(); }
    HostStream(HostStream const&) = delete;
    HostStream& operator=(HostStream const&) = delete;

    bool open() const { return fd_.valid(); }

    enum class Outcome { kMoved, kBlocked, kEnded };
    struct Transfer {
        Outcome outcome;
        size_t bytes;  // moved; at least 1 with kMoved, otherwise 0
    };
    // One transfer into or out of `iov`, of at least one byte in all. kEnded: end-of-file, no reader, or an
    // error that no retry helps. May move less than is possible: only kBlocked means "not now".
    Transfer transfer(std::span<iovec const> iov);

    // Calls `ready` once when transfer() may do better than kBlocked. False if that cannot be waited for.
    bool wait();

    // Stops waiting and closes.
    void close();
    // The same, but first ends this direction of the connection itself. For a socket that is ours alone, of
    // which the other direction's HostStream holds a duplicate: closing one duplicate tells the peer nothing.
    void shut_down();

private:
    enum class Method { kSocket, kPlain, kNoWait, kPolled };

    bool passes_gate();
    bool watch(UniqueFd const& fd, uint32_t events, bool& watched);
    void close_gate();
    ssize_t attempt(std::span<iovec const> iov);
    ssize_t socket_call(std::span<iovec const> iov) const;
    ssize_t plain_call(std::span<iovec const> iov) const;
    ssize_t no_wait_call(std::span<iovec const> iov) const;
    ssize_t polled_call(std::span<iovec const> iov);
    ssize_t bounded_call(std::span<iovec const> iov);

    UniqueFd fd_;
    UniqueFd gate_;  // until it has opened
    Direction direction_;
    EventLoop* loop_;
    std::function<void()> ready_;
    Method method_ = Method::kNoWait;
    bool watched_ = false;
    bool gate_watched_ = false;
    std::optional<Alarm> alarm_;  // of the loop's thread; made when polled_call first needs it
    std::vector<iovec> part_;     // scratch of polled_call
};

// Whether both are sockets, and the same one.
bool same_socket(UniqueFd const& a, UniqueFd const& b);

}  // namespace krun::vmm
