// SPDX-License-Identifier: Apache-2.0
#include "runtime/host/time_limit.h"

#include <gtest/gtest.h>

#include <optional>

namespace krun::runtime {
namespace {

using std::chrono::milliseconds;

TEST(TimeLimit, ExceededTellsOnce) {
    auto loop = EventLoop::make().value();
    int told = 0;
    auto const limit = TimeLimit::make(loop, milliseconds(10), [&] { ++told; }).value();
    ASSERT_TRUE(loop.run_once(5000).ok());
    EXPECT_EQ(told, 1);
    ASSERT_TRUE(loop.run_once(50).ok());
    EXPECT_EQ(told, 1);
}

TEST(TimeLimit, DroppedInTimeTellsNothing) {
    auto loop = EventLoop::make().value();
    int told = 0;
    std::optional<TimeLimit> limit;
    limit.emplace(TimeLimit::make(loop, milliseconds(10), [&] { ++told; }).value());
    limit.reset();
    ASSERT_TRUE(loop.run_once(100).ok());
    EXPECT_EQ(told, 0);
}

TEST(TimeLimit, CanBeDroppedByWhatItTells) {
    auto loop = EventLoop::make().value();
    std::optional<TimeLimit> limit;
    bool told = false;
    limit.emplace(TimeLimit::make(loop, milliseconds(10), [&] {
                      limit.reset();
                      told = true;
                  }).value());
    ASSERT_TRUE(loop.run_once(5000).ok());
    EXPECT_TRUE(told);
}

}  // namespace
}  // namespace krun::runtime
