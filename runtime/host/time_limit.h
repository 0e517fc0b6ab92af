// SPDX-License-Identifier: Apache-2.0
// Something that happens when a time has passed, unless what was waited for came first.
#pragma once
#include <chrono>
#include <functional>

#include "base/error.h"
#include "base/event_loop.h"
#include "base/unique_fd.h"

namespace krun::runtime {

class TimeLimit {
public:
    // Runs `exceeded` in `loop`, once, when `limit` has passed. `loop` outlives the result.
    static Result<TimeLimit> make(EventLoop& loop, std::chrono::milliseconds limit,
                                  std::function<void()> exceeded);

    TimeLimit(TimeLimit&&) = default;
    TimeLimit& operator=(TimeLimit&&) = delete;
    // Nothing will happen any more.
    ~TimeLimit();

private:
    TimeLimit(EventLoop& loop, UniqueFd timer) : loop_(&loop), timer_(std::move(timer)) {}
    EventLoop* loop_;
    UniqueFd timer_;  // invalid after a move
};

}  // namespace krun::runtime
