// SPDX-License-Identifier: Apache-2.0
#include "runtime/process/clock_sync.h"

#include <gtest/gtest.h>

#include <ctime>

namespace krun::runtime {
namespace {

TEST(ClockSync, NothingIsToldWhileTheClockGoesOn) {
    auto loop = EventLoop::make().value();
    int told = 0;
    auto const sync = ClockSync::make(loop, [&] { ++told; });
    ASSERT_TRUE(sync.ok());
    ASSERT_TRUE(loop.run_once(0).ok());
    EXPECT_EQ(told, 0);
}

TEST(ClockSync, ClockThatIsSetIsToldOnceForEachTime) {
    auto loop = EventLoop::make().value();
    int told = 0;
    auto const sync = ClockSync::make(loop, [&] { ++told; });
    ASSERT_TRUE(sync.ok());
    for (int times = 1; times <= 3; ++times) {
        timespec now{};
        ::clock_gettime(CLOCK_REALTIME, &now);
        if (::clock_settime(CLOCK_REALTIME, &now) < 0)
            GTEST_SKIP() << "skipped: the clock cannot be set here";
        ASSERT_TRUE(loop.run_once(1000).ok());
        ASSERT_TRUE(loop.run_once(0).ok());
        EXPECT_EQ(told, times);
    }
}

}  // namespace
}  // namespace krun::runtime
