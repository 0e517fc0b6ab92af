// SPDX-License-Identifier: Apache-2.0
// Rings on a loop's thread again and again while it is on. To turn it on or off is a system call; what a loop
// waits for in between does not get dearer, as it would with a time-out for each wait.
#pragma once
#include <sys/timerfd.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <utility>

#include "base/event_loop.h"

namespace krun::vmm {

class IntervalTimer {
public:
    static constexpr std::chrono::nanoseconds kOff{0};

    // It is off.
    static Result<IntervalTimer> make() {
        UniqueFd timer(::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK));
        if (!timer.valid()) return fail(Error::sys("create a timer"));
        return IntervalTimer(std::move(timer));
    }

    // `answer` runs on the loop's thread; missed rings count as one. The timer stays where it is until
    // stop_listening().
    Result<void> listen(EventLoop& loop, std::function<void()> answer) {
        return loop.add(timer_.borrow(), EPOLLIN, [this, answer = std::move(answer)](uint32_t) {
            uint64_t rings = 0;
            ignore(::read(timer_.borrow().raw(), &rings, sizeof rings), "only that it rang counts");
            answer();
        });
    }
    void stop_listening(EventLoop& loop) { loop.remove(timer_.borrow()); }

    // Any thread. kOff: a ring that nobody has answered is forgotten, too.
    void set(std::chrono::nanoseconds interval) const {
        auto const seconds = std::chrono::duration_cast<std::chrono::seconds>(interval);
        timespec const every{.tv_sec = seconds.count(), .tv_nsec = (interval - seconds).count()};
        itimerspec const when{.it_interval = every, .it_value = every};
        ignore(::timerfd_settime(timer_.borrow().raw(), 0, &when, nullptr), "fails for bad arguments only");
    }

private:
    explicit IntervalTimer(UniqueFd timer) : timer_(std::move(timer)) {}
    UniqueFd timer_;
};

}  // namespace krun::vmm
