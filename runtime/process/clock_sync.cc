// SPDX-License-Identifier: Apache-2.0
#include "runtime/process/clock_sync.h"

#include <sys/timerfd.h>
#include <unistd.h>

#include <ctime>

namespace krun::runtime {
namespace {

// A clock that is wrong by 50 ppm, which is much, is off by 3 ms then. It wakes an idle guest once.
constexpr time_t kPeriodSeconds = 60;

// TFD_TIMER_CANCEL_ON_SET: readable, too, when CLOCK_REALTIME was set or the host comes out of a suspend
// (timerfd_create(2)).
Result<void> arm(BorrowedFd timer) {
    timespec now{};
    ::clock_gettime(CLOCK_REALTIME, &now);
    itimerspec const when{.it_interval = {},
                          .it_value = {.tv_sec = now.tv_sec + kPeriodSeconds, .tv_nsec = 0}};
    if (::timerfd_settime(timer.raw(), TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &when, nullptr) < 0)
        return fail(Error::sys("arm a timer"));
    return {};
}

}  // namespace

Result<ClockSync> ClockSync::make(EventLoop& loop, std::function<void()> tell) {
    UniqueFd timer(::timerfd_create(CLOCK_REALTIME, TFD_CLOEXEC | TFD_NONBLOCK));
    if (!timer.valid()) return fail(Error::sys("create a timer"));
    auto const fd = timer.borrow();
    TRY(arm(fd));
    TRY(loop.add(fd, EPOLLIN, [&loop, fd, tell = std::move(tell)](uint32_t) {
        uint64_t rings = 0;
        ignore(::read(fd.raw(), &rings, sizeof rings),
               "it rang, or the clock was set: both are the same here");
        if (!arm(fd).ok()) loop.remove(fd);  // cannot be; it would ring without end
        tell();
    }));
    return ClockSync(loop, std::move(timer));
}

ClockSync::~ClockSync() {
    if (timer_.valid()) loop_->remove(timer_.borrow());
}

}  // namespace krun::runtime
