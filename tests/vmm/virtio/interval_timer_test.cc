// SPDX-License-Identifier: Apache-2.0
#include "vmm/virtio/interval_timer.h"

#include <gtest/gtest.h>

namespace krun::vmm {
namespace {

using namespace std::chrono_literals;

TEST(IntervalTimer, RingsAgainAndAgainWhileItIsOn) {
    auto loop = EventLoop::make().value();
    auto timer = IntervalTimer::make().value();
    int rings = 0;
    ASSERT_TRUE(timer.listen(loop, [&] { ++rings; }).ok());
    EXPECT_FALSE(loop.run_once(0).value());
    timer.set(1ms);
    while (rings < 3) ASSERT_TRUE(loop.run_once(-1).ok());
    timer.set(IntervalTimer::kOff);
    EXPECT_FALSE(loop.run_once(20).value());
    EXPECT_EQ(rings, 3);
}

TEST(IntervalTimer, ARingThatNobodyHasAnsweredIsForgottenWhenItIsTurnedOff) {
    auto loop = EventLoop::make().value();
    auto timer = IntervalTimer::make().value();
    int rings = 0;
    timer.set(1ms);
    ASSERT_EQ(::usleep(10'000), 0);
    timer.set(IntervalTimer::kOff);
    ASSERT_TRUE(timer.listen(loop, [&] { ++rings; }).ok());
    EXPECT_FALSE(loop.run_once(0).value());
    EXPECT_EQ(rings, 0);
}

}  // namespace
}  // namespace krun::vmm
