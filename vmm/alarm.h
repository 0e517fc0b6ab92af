// SPDX-License-Identifier: Apache-2.0
// A one-shot timer that sends a signal to the thread that made it. For a thread that sits in an ioctl and so
// has no event loop.
#pragma once
#include <csignal>
#include <ctime>
#include <utility>

#include "base/error.h"

namespace krun::vmm {

class Alarm {
public:
    // `signo` has a handler that does nothing and is not blocked in the calling thread.
    static Result<Alarm> make(int signo);
    Alarm(Alarm&& other) noexcept : timer_(other.timer_), owned_(std::exchange(other.owned_, false)) {}
    ~Alarm();

    void ring_in(time_t seconds) const;

private:
    explicit Alarm(timer_t timer) : timer_(timer), owned_(true) {}
    timer_t timer_;
    bool owned_;
};

}  // namespace krun::vmm
