// SPDX-License-Identifier: Apache-2.0
#include "init/clock.h"

#include <gtest/gtest.h>

namespace krun::init {
namespace {

constexpr int64_t kMillisecond = 1'000'000;

TEST(ClockChange, BeforeAnyProgramRunsTheClockIsSetToWhatTheHostSays) {
    for (int64_t const missing : {int64_t{1}, -kMillisecond, 3600'000 * kMillisecond})
        EXPECT_EQ(clock_change(missing, /*smoothly=*/false), ClockChange::kStep);
}

TEST(ClockChange, ProgramsThatRunSeeNoStepForALittle) {
    for (int64_t const sign : {1, -1}) {
        EXPECT_EQ(clock_change(sign * kMillisecond, true), ClockChange::kNone);
        EXPECT_EQ(clock_change(sign * 2 * kMillisecond, true), ClockChange::kSlew);
        EXPECT_EQ(clock_change(sign * 49 * kMillisecond, true), ClockChange::kSlew);
        EXPECT_EQ(clock_change(sign * 50 * kMillisecond, true), ClockChange::kStep);
    }
}

}  // namespace
}  // namespace krun::init
