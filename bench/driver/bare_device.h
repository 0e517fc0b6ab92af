// SPDX-License-Identifier: Apache-2.0
// A device that makes the host's own calls for a request (alone.h) and knows nothing of what is asked: what a
// virtqueue, the thread behind it, its interrupt, its system call filter and the way of a request between two
// processors add to these, whatever the device does. No device that makes these calls for each request, on
// one thread, can be quicker.
#pragma once
#include <cstdint>
#include <functional>
#include <string>

#include "bench/driver/driver_queue.h"

namespace krun::bench {

struct Bare {
    std::string kind;  // of device, whose filter it has
    unsigned requests_an_operation = 1;
    Shape shape;  // of a request: all of it is read, all of its reply written
};

// Nanoseconds of one of `calls`' operations behind a queue, one request under way; the best of `turns` of
// about `seconds` each.
double behind_queue_ns(std::function<void(uint64_t count)> calls, Bare const& bare, Waiting waiting,
                       double seconds, unsigned turns);

}  // namespace krun::bench
