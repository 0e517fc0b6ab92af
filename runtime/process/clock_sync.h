// SPDX-License-Identifier: Apache-2.0
// Tells the guest what time it is: at once when the host's clock jumps, by somebody's hand or because the
// host slept, and every minute, because the guest's clock runs freely and the host's is disciplined.
#pragma once
#include <functional>

#include "base/error.h"
#include "base/event_loop.h"
#include "base/unique_fd.h"

namespace krun::runtime {

class ClockSync {
public:
    // `tell` runs in `loop`, which outlives the result.
    static Result<ClockSync> make(EventLoop& loop, std::function<void()> tell);

    ClockSync(ClockSync&&) = default;
    ClockSync& operator=(ClockSync&&) = delete;
    ~ClockSync();

private:
    ClockSync(EventLoop& loop, UniqueFd timer) : loop_(&loop), timer_(std::move(timer)) {}
    EventLoop* loop_;
    UniqueFd timer_;  // invalid after a move
};

}  // namespace krun::runtime
