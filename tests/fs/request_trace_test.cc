// SPDX-License-Identifier: Apache-2.0
#include "fs/request_trace.h"

#include <gtest/gtest.h>

#include <cerrno>

namespace krun::fs {
namespace {

TEST(RequestTrace, KeepsTheLastOnesInTheirOrder) {
    RequestTrace trace;
    EXPECT_TRUE(trace.last().empty());
    for (uint32_t i = 0; i < RequestTrace::kKept + 5; ++i) trace.add(1, i, 0);
    auto const last = trace.last();
    ASSERT_EQ(last.size(), RequestTrace::kKept);
    EXPECT_EQ(last.front().node, 5u);
    EXPECT_EQ(last.back().node, RequestTrace::kKept + 4);
}

TEST(RequestTrace, HasOpcodeNodeAndErrorAndKeepsThemApart) {
    RequestTrace trace;
    trace.add(0x7ff, (uint64_t{1} << 40) - 1, 0xfff);
    trace.add(0, 0, 0);
    trace.add(14, 7, ENOENT);
    auto const last = trace.last();
    ASSERT_EQ(last.size(), 3u);
    EXPECT_EQ(last[0].opcode, 0x7ffu);
    EXPECT_EQ(last[0].node, (uint64_t{1} << 40) - 1);
    EXPECT_EQ(last[0].error, 0xfffu);
    EXPECT_EQ(last[1].opcode, 0u);
    EXPECT_EQ(last[2].opcode, 14u);
    EXPECT_EQ(last[2].node, 7u);
    EXPECT_EQ(last[2].error, uint32_t{ENOENT});
}

}  // namespace
}  // namespace krun::fs
