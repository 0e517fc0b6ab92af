// SPDX-License-Identifier: Apache-2.0
#include "fs/handle_table.h"

#include <gtest/gtest.h>

#include <memory>

namespace krun::fs {
namespace {

constexpr NodeId kNode{7};
constexpr NodeId kOther{8};

TEST(HandleTable, TheNewestOfANodeIsWhatWasOpenedLast) {
    HandleTable<int> table(10);
    EXPECT_EQ(table.newest_of(kNode), nullptr);
    auto const first = table.add(kNode, std::make_shared<int>(1)).value();
    auto const second = table.add(kNode, std::make_shared<int>(2)).value();
    auto const others = table.add(kOther, std::make_shared<int>(3)).value();
    EXPECT_EQ(*table.newest_of(kNode), 2);
    EXPECT_EQ(*table.newest_of(kOther), 3);
    ASSERT_TRUE(table.remove(kNode, first).ok());
    EXPECT_EQ(*table.newest_of(kNode), 2);
    ASSERT_TRUE(table.remove(kOther, others).ok());
    EXPECT_EQ(table.newest_of(kOther), nullptr);
    ASSERT_TRUE(table.remove(kNode, second).ok());
    EXPECT_EQ(table.newest_of(kNode), nullptr);
}

TEST(HandleTable, WhatIsRemovedIsNobodysNewestThoughOlderOnesStay) {
    HandleTable<int> table(10);
    auto const first = table.add(kNode, std::make_shared<int>(1)).value();
    auto const second = table.add(kNode, std::make_shared<int>(2)).value();
    ASSERT_TRUE(table.remove(kNode, second).ok());
    EXPECT_EQ(table.newest_of(kNode), nullptr);
    EXPECT_EQ(*table.get(kNode, first).value(), 1);
    table.clear();
    EXPECT_EQ(table.size(), 0u);
    EXPECT_EQ(table.newest_of(kNode), nullptr);
}

TEST(HandleTable, AFailedAddChangesNothing) {
    HandleTable<int> table(1);
    ASSERT_TRUE(table.add(kNode, std::make_shared<int>(1)).ok());
    EXPECT_EQ(table.add(kNode, std::make_shared<int>(2)).error().value, ENFILE);
    EXPECT_EQ(*table.newest_of(kNode), 1);
}

}  // namespace
}  // namespace krun::fs
