// SPDX-License-Identifier: Apache-2.0
// How long a guest may take until it is ready, and what is said when it takes longer.
#pragma once
#include <chrono>
#include <functional>
#include <string>

#include "base/error.h"
#include "base/event_loop.h"
#include "base/unique_fd.h"

namespace krun::runtime {

// Long enough for a guest on a busy host that emulates its CPU, short enough that engines still wait for
// create (podman and CRI-O: 240 s).
inline constexpr std::chrono::milliseconds kBootLimit{120'000};

// One line. A host whose CPU has no virtualization runs guests on a software KVM, many times slower: then
// that is what the user has to know.
std::string boot_limit_reason(std::chrono::milliseconds limit, bool cpu_has_virtualization);

class BootLimit {
public:
    // Runs `exceeded` in `loop`, once, when `limit` has passed. `loop` outlives the result.
    static Result<BootLimit> make(EventLoop& loop, std::chrono::milliseconds limit,
                                  std::function<void()> exceeded);

    BootLimit(BootLimit&&) = default;
    BootLimit& operator=(BootLimit&&) = delete;
    // The guest is ready: nothing will happen any more.
    ~BootLimit();

private:
    BootLimit(EventLoop& loop, UniqueFd timer) : loop_(&loop), timer_(std::move(timer)) {}
    EventLoop* loop_;
    UniqueFd timer_;  // invalid after a move
};

}  // namespace krun::runtime
