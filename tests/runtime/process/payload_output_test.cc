// SPDX-License-Identifier: Apache-2.0
#include "runtime/process/payload_output.h"

#include <gtest/gtest.h>

#include "base/fd.h"

namespace krun::runtime {
namespace {

class PayloadOutputTest : public ::testing::Test {
protected:
    // A stream of this number, and the descriptor whose end ends it.
    UniqueFd keep(uint32_t number, bool is_output) {
        auto [over, open_until_then] = make_pipe().value();
        std::vector<OpenStream> streams;
        streams.push_back({number, is_output, std::move(over)});
        output_.keep(std::move(streams));
        return std::move(open_until_then);
    }

    EventLoop loop_ = EventLoop::make().value();
    int told_ = 0;
    PayloadOutput output_{loop_, [this] { ++told_; }};
};

TEST_F(PayloadOutputTest, IsDeliveredWhenTheLastStreamIsOver) {
    auto one = keep(1, true);
    auto two = keep(2, true);
    ASSERT_TRUE(output_.watch().ok());
    one.reset();
    ASSERT_TRUE(loop_.run_once(0).ok());
    EXPECT_FALSE(output_.delivered());
    two.reset();
    ASSERT_TRUE(loop_.run_once(0).ok());
    EXPECT_TRUE(output_.delivered());
    EXPECT_EQ(told_, 2);
}

TEST_F(PayloadOutputTest, InputIsNotWaitedFor) {
    auto const input = keep(0, false);
    EXPECT_TRUE(output_.delivered());
}

TEST_F(PayloadOutputTest, WhatIsDroppedIsNotWaitedFor) {
    auto const stream = keep(1, true);
    output_.drop();
    ASSERT_TRUE(output_.watch().ok());
    EXPECT_TRUE(output_.delivered());
}

}  // namespace
}  // namespace krun::runtime
