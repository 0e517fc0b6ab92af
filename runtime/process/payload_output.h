// SPDX-License-Identifier: Apache-2.0
// The payload's output streams, until their readers have the last byte.
#pragma once
#include <cstdint>
#include <functional>
#include <vector>

#include "base/event_loop.h"
#include "runtime/process/guest_streams.h"

namespace krun::runtime {

// One thread, its event loop's. The machine must not stop before everything has been taken: until the reader
// has it or has gone, as a pipe would keep it.
class PayloadOutput {
public:
    // `delivered` is called each time that a stream is over.
    PayloadOutput(EventLoop& loop, std::function<void()> delivered)
        : loop_(loop), delivered_(std::move(delivered)) {}

    // Keeps those of `streams` that the guest sends on.
    void keep(std::vector<OpenStream> streams);
    // Nothing more will come of any.
    void drop() { streams_.clear(); }
    // Waits for the end of each that was kept. An error: that cannot be waited for.
    Result<void> watch();
    bool delivered() const { return streams_.empty(); }

private:
    void over(uint32_t number);

    EventLoop& loop_;
    std::function<void()> delivered_;
    std::vector<OpenStream> streams_;
};

}  // namespace krun::runtime
