// SPDX-License-Identifier: Apache-2.0
#include "vmm/virtio/patience.h"

#include <gtest/gtest.h>

namespace krun::vmm {
namespace {

using namespace std::chrono_literals;

TEST(Patience, NobodyIsWatchedForBeforeItAskedTwiceInShortOrder) {
    Patience patience(50us);
    EXPECT_EQ(patience.budget(), 0us);
    patience.slept(1s);
    EXPECT_EQ(patience.budget(), 0us);
    patience.slept(49us);
    EXPECT_EQ(patience.budget(), 10us);
}

TEST(Patience, GrowsWithShortSleepsUpToItsMost) {
    Patience patience(50us);
    for (auto const budget : {10us, 20us, 40us, 50us, 50us}) {
        patience.slept(30us);
        EXPECT_EQ(patience.budget(), budget);
    }
}

TEST(Patience, OneSleepThatWatchingCouldNotSaveEndsIt) {
    Patience patience(50us);
    for (int i = 0; i < 5; ++i) patience.slept(1us);
    patience.slept(50us);
    EXPECT_EQ(patience.budget(), 0us);
}

TEST(Patience, WithoutAnyThereIsNeverABudget) {
    Patience patience(0us);
    patience.slept(0us);
    EXPECT_EQ(patience.budget(), 0us);
}

}  // namespace
}  // namespace krun::vmm
