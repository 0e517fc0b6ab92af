// SPDX-License-Identifier: Apache-2.0
#include "vmm/virtio/patience.h"

#include <gtest/gtest.h>

namespace krun::vmm {
namespace {

using namespace std::chrono_literals;

constexpr Patience::Clock::time_point kNow{};

TEST(Patience, NobodyIsWatchedForBeforeItAskedTwiceInShortOrder) {
    Patience patience(50us);
    EXPECT_EQ(patience.budget(), 0us);
    patience.slept(1s, kNow);
    EXPECT_EQ(patience.budget(), 0us);
    patience.slept(49us, kNow);
    EXPECT_EQ(patience.budget(), 10us);
}

TEST(Patience, GrowsWithShortSleepsUpToItsMost) {
    Patience patience(50us);
    for (auto const budget : {10us, 20us, 40us, 50us, 50us}) {
        patience.slept(30us, kNow);
        EXPECT_EQ(patience.budget(), budget);
    }
}

TEST(Patience, OneSleepThatWatchingCouldNotSaveEndsIt) {
    Patience patience(50us);
    for (int i = 0; i < 5; ++i) patience.slept(1us, kNow);
    patience.slept(50us, kNow);
    EXPECT_EQ(patience.budget(), 0us);
}

TEST(Patience, WhoWatchesInVainTimeAfterTimeRestsForAWhile) {
    Patience patience(50us);
    for (int i = 0; i < 17; ++i) patience.slept(30us, kNow);  // the first was no watching
    EXPECT_EQ(patience.budget(), 0us);
    patience.slept(30us, kNow + 99ms);
    EXPECT_EQ(patience.budget(), 0us);
    patience.slept(30us, kNow + 100ms);
    EXPECT_EQ(patience.budget(), 10us);
}

TEST(Patience, ARequestThatWatchingFoundIsWorthManyThatItDidNot) {
    Patience patience(50us);
    for (int i = 0; i < 100; ++i) {
        if (i % 15 == 0) patience.found();
        patience.slept(30us, kNow);
        EXPECT_GT(patience.budget(), 0us) << i;
    }
}

TEST(Patience, WithoutAnyThereIsNeverABudget) {
    Patience patience(0us);
    EXPECT_TRUE(patience.is_none());
    EXPECT_FALSE(Patience(1us).is_none());
    patience.slept(0us, kNow);
    EXPECT_EQ(patience.budget(), 0us);
}

}  // namespace
}  // namespace krun::vmm
