// SPDX-License-Identifier: Apache-2.0
#include "runtime/host/time_limit.h"

#include <sys/timerfd.h>

namespace krun::runtime {

Result<TimeLimit> TimeLimit::make(EventLoop& loop, std::chrono::milliseconds limit,
                                  std::function<void()> exceeded) {
    UniqueFd timer(::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK));
    if (!timer.valid()) return fail(Error::sys("create a timer"));
    auto const seconds = std::chrono::duration_cast<std::chrono::seconds>(limit);
    std::chrono::nanoseconds const rest = limit - seconds;
    itimerspec const when{.it_interval = {},
                          .it_value = {.tv_sec = seconds.count(), .tv_nsec = rest.count()}};
    if (::timerfd_settime(timer.borrow().raw(), 0, &when, nullptr) < 0)
        return fail(Error::sys("arm a timer"));
    // Never read, so it stays readable: removed, it fires once.
    auto const fd = timer.borrow();
    TRY(loop.add(fd, EPOLLIN, [&loop, fd, exceeded = std::move(exceeded)](uint32_t) {
        loop.remove(fd);  // the loop keeps this function until it has returned
        exceeded();
    }));
    return TimeLimit(loop, std::move(timer));
}

TimeLimit::~TimeLimit() {
    if (timer_.valid()) loop_->remove(timer_.borrow());
}

}  // namespace krun::runtime
