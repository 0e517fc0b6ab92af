// SPDX-License-Identifier: Apache-2.0
// An epoll loop that belongs to one thread. Handlers run on that thread, one at a time, and may add or
// remove any watch, their own included.
#pragma once
#include <sys/epoll.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>

#include "base/error.h"
#include "base/unique_fd.h"

namespace krun {

class EventLoop {
public:
    // `events` is what epoll reported: EPOLLIN, EPOLLOUT, EPOLLHUP, EPOLLERR bits.
    using Handler = std::function<void(uint32_t events)>;

    static Result<EventLoop> make();

    // Watches `fd` until remove(), level-triggered unless EPOLLET is among `events`. The caller keeps the
    // descriptor open until then.
    // Fails with EPERM for regular files, which epoll does not take: they are always ready.
    Result<void> add(BorrowedFd fd, uint32_t events, Handler handler);
    // Changes which events are reported; 0 pauses (EPOLLHUP and EPOLLERR still arrive).
    Result<void> modify(BorrowedFd fd, uint32_t events);
    // Stops watching. Safe inside a handler; no handler of `fd` runs afterwards.
    void remove(BorrowedFd fd);

    // Dispatches until stop(). Returns an error only if epoll itself fails.
    Result<void> run();
    // Waits at most `timeout_ms` (-1: for ever) and dispatches what is ready. False if nothing was.
    Result<bool> run_once(int timeout_ms);
    // Ends run() after the current handler. Only from this loop's own thread.
    void stop() { stopped_ = true; }

private:
    explicit EventLoop(UniqueFd epoll) : epoll_(std::move(epoll)) {}

    // A handler may close a descriptor and open another with the same number while a report for the first is
    // still to be dispatched: what epoll reports is a watch's descriptor and its number.
    struct Watch {
        uint32_t number;
        Handler handler;
    };
    static epoll_event event_of(int fd, uint32_t number, uint32_t events);
    void dispatch(epoll_event const& event);

    UniqueFd epoll_;
    std::map<int, std::shared_ptr<Watch const>> watches_;
    uint32_t watches_added_ = 0;
    bool stopped_ = false;
};

}  // namespace krun
