// SPDX-License-Identifier: Apache-2.0
// A timer that kicks (kick.h) the thread that made it, for one that sits in a system call.
#pragma once
#include <chrono>
#include <ctime>
#include <utility>

#include "base/error.h"

namespace krun::vmm {

class Alarm {
public:
    // The calling thread must be Kickable when it rings, or hears it later. Fails when RLIMIT_SIGPENDING
    // allows no more timers.
    static Result<Alarm> make();
    Alarm(Alarm&& other) noexcept : timer_(other.timer_), owned_(std::exchange(other.owned_, false)) {}
    ~Alarm();

    // Again and again, so that the one that rings just before the system call is not the last.
    void ring_every(std::chrono::milliseconds period) const;
    void stop() const;

private:
    explicit Alarm(timer_t timer) : timer_(timer), owned_(true) {}
    timer_t timer_;
    bool owned_;
};

}  // namespace krun::vmm
