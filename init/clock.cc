// SPDX-License-Identifier: Apache-2.0
#include "init/clock.h"

#include <sys/timex.h>

#include <cstdlib>
#include <ctime>

#include "base/error.h"

namespace krun::init {
namespace {

constexpr int64_t kMillisecond = 1'000'000;
constexpr int64_t kSecond = 1'000 * kMillisecond;
constexpr int64_t kNegligible = 2 * kMillisecond;  // as the message was on its way
constexpr int64_t kMaxSlew = 50 * kMillisecond;    // for which adjtimex needs a hundred seconds

int64_t now_ns() {
    timespec now{};
    ::clock_gettime(CLOCK_REALTIME, &now);
    return now.tv_sec * kSecond + now.tv_nsec;
}

}  // namespace

ClockChange clock_change(int64_t missing_ns, bool smoothly) {
    if (!smoothly || std::abs(missing_ns) >= kMaxSlew) return ClockChange::kStep;
    return std::abs(missing_ns) < kNegligible ? ClockChange::kNone : ClockChange::kSlew;
}

void follow_host_clock(int64_t host_ns, bool smoothly) {
    int64_t const missing = host_ns - now_ns();
    auto const change = clock_change(missing, smoothly);
    if (change == ClockChange::kSlew) {
        timex slew{};
        slew.modes = ADJ_OFFSET_SINGLESHOT;
        slew.offset = missing / 1000;  // µs
        ::adjtimex(&slew);
    }
    if (change != ClockChange::kStep) return;
    timespec const now{.tv_sec = host_ns / kSecond, .tv_nsec = host_ns % kSecond};
    ignore(::clock_settime(CLOCK_REALTIME, &now), "a host from before 1970 has other worries");
}

}  // namespace krun::init
