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

epoll_event EventLoop::event_of(int fd, uint32_t number, uint32_t events) {
    return {.events = events, .data = {.u64 = uint64_t{number} << 32 | static_cast<uint32_t>(fd)}};
}

Result<void> EventLoop::add(BorrowedFd fd, uint32_t events, Handler handler) {
    auto watch = std::make_shared<Watch const>(Watch{watches_added_++, std::move(handler)});
    auto event = event_of(fd.raw(), watch->number, events);
    if (::epoll_ctl(epoll_.borrow().raw(), EPOLL_CTL_ADD, fd.raw(), &event) < 0)
        return fail(Error::sys("watch a descriptor"));
    watches_[fd.raw()] = std::move(watch);
    return {};
}

Result<void> EventLoop::modify(BorrowedFd fd, uint32_t events) {
    auto const it = watches_.find(fd.raw());
    auto event = event_of(fd.raw(), it == watches_.end() ? 0 : it->second->number, events);
    if (::epoll_ctl(epoll_.borrow().raw(), EPOLL_CTL_MOD, fd.raw(), &event) < 0)
        return fail(Error::sys("change a watch"));
    return {};
}

void EventLoop::remove(BorrowedFd fd) {
    if (watches_.erase(fd.raw()) == 0) return;
    ::epoll_ctl(epoll_.borrow().raw(), EPOLL_CTL_DEL, fd.raw(), nullptr);
}

Result<void> EventLoop::run() {
    stopped_ = false;
    while (!stopped_) TRY(run_once(-1));
    return {};
}

void EventLoop::dispatch(epoll_event const& event) {
    auto const it = watches_.find(static_cast<int>(event.data.u64 & UINT32_MAX));
    if (it == watches_.end() || it->second->number != event.data.u64 >> 32) return;  // it was removed
    auto const watch = it->second;  // its handler may remove it
    watch->handler(event.events);
}

Result<bool> EventLoop::run_once(int timeout_ms) {
    std::array<epoll_event, kMostEvents> events;
    int const n =
        ::epoll_wait(epoll_.borrow().raw(), events.data(), static_cast<int>(events.size()), timeout_ms);
    if (n < 0) {
        if (errno == EINTR) return false;
        return fail(Error::sys("wait for events"));
    }
    for (size_t i = 0; i < static_cast<size_t>(n) && !stopped_; ++i) dispatch(events[i]);
    return n > 0;
}

}  // namespace krun
