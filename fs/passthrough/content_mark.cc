// SPDX-License-Identifier: Apache-2.0
#include "fs/passthrough/content_mark.h"

#include <ctime>

namespace krun::fs {

static constexpr int64_t kNanoseconds = 1'000'000'000;
// A tick of Linux with the lowest CONFIG_HZ, 100, twice over.
static constexpr int64_t kJustNow = kNanoseconds / 50;

uint64_t content_mark(FileStat const& stat) {
    timespec now{};
    ::clock_gettime(CLOCK_REALTIME, &now);
    auto const& attr = stat.attr;
    int64_t const seconds = now.tv_sec - static_cast<int64_t>(attr.ctime);
    if (seconds < 0) return 0;
    if (seconds <= 1 && seconds * kNanoseconds + now.tv_nsec - attr.ctimensec < kJustNow) return 0;
    uint64_t const changed = attr.ctime * uint64_t{kNanoseconds} + attr.ctimensec;
    // Fibonacci hashing: the upper bits depend on all of them.
    uint64_t const mixed = (changed ^ attr.size * 0xc2b2ae3d27d4eb4f) * 0x9e3779b97f4a7c15;
    return mixed >> (64 - kContentMarkBits) | 1;
}

}  // namespace krun::fs
