// SPDX-License-Identifier: Apache-2.0
#include "base/event_loop.h"

#include <array>
#include <cerrno>

namespace krun {

static constexpr size_t kMostEvents = 32;  // a round; what is left is reported in the next

Result<EventLoop> EventLoop::make() {
    UniqueFd epoll(::epoll_create1(EPOLL_CLOEXEC));
    if (!epoll.valid()) return fail(Error::sys("create an epoll instance"));
    return EventLoop(std::move(epoll));
}

Result<void> EventLoop::add(BorrowedFd fd, uint32_t events, Handler handler) {
    auto watch = std::make_shared<Watch>(Watch{fd.raw(), std::move(handler)});
    epoll_event event{.events = events, .data = {.fd = fd.raw()}};
    if (::epoll_ctl(epoll_.borrow().raw(), EPOLL_CTL_ADD, fd.raw(), &event) < 0)
        return fail(Error::sys("watch a descriptor"));
    watches_[fd.raw()] = std::move(watch);
    return {};
}

Result<void> EventLoop::modify(BorrowedFd fd, uint32_t events) {
    epoll_event event{.events = events, .data = {.fd = fd.raw()}};
    if (::epoll_ctl(epoll_.borrow().raw(), EPOLL_CTL_MOD, fd.raw(), &event) < 0)
        return fail(Error::sys("change a watch"));
    return {};
}

void EventLoop::remove(BorrowedFd fd) {
    auto const it = watches_.find(fd.raw());
    if (it == watches_.end()) return;
    it->second->removed = true;  // an event for it may already be in this round's batch
    watches_.erase(it);
    ::epoll_ctl(epoll_.borrow().raw(), EPOLL_CTL_DEL, fd.raw(), nullptr);
}

Result<void> EventLoop::run() {
    stopped_ = false;
    while (!stopped_) TRY(run_once(-1));
    return {};
}

Result<bool> EventLoop::run_once(int timeout_ms) {
    std::array<epoll_event, kMostEvents> events;
    int const n =
        ::epoll_wait(epoll_.borrow().raw(), events.data(), static_cast<int>(events.size()), timeout_ms);
    if (n < 0) {
        if (errno == EINTR) return false;
        return fail(Error::sys("wait for events"));
    }
    // A handler may close a descriptor and open another with the same number: each event is bound to
    // its watch before the first handler runs.
    std::array<std::shared_ptr<Watch>, kMostEvents> ready;
    for (size_t i = 0; i < static_cast<size_t>(n); ++i)
        if (auto const it = watches_.find(events[i].data.fd); it != watches_.end()) ready[i] = it->second;
    for (size_t i = 0; i < static_cast<size_t>(n) && !stopped_; ++i)
        if (ready[i] && !ready[i]->removed) ready[i]->handler(events[i].events);
    return n > 0;
}

}  // namespace krun
