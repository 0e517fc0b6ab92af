// SPDX-License-Identifier: Apache-2.0
#include "vmm/halt_watch.h"

#include <gtest/gtest.h>

namespace krun::vmm {
namespace {

TEST(HaltWatch, AllStuckThreeTimesInARowIsAHalt) {
    HaltWatch watch(2);
    for (int round = 0; round < 2; ++round) {
        EXPECT_FALSE(watch.look(0, true));
        EXPECT_FALSE(watch.look(1, true));
    }
    EXPECT_FALSE(watch.look(0, true));
    EXPECT_TRUE(watch.look(1, true));
}

TEST(HaltWatch, OneThatRunsKeepsTheMachineAlive) {
    HaltWatch watch(2);
    for (int round = 0; round < 10; ++round) {
        EXPECT_FALSE(watch.look(0, true));
        EXPECT_FALSE(watch.look(1, false));
    }
}

TEST(HaltWatch, RunningOnceStartsTheCountAgain) {
    HaltWatch watch(1);
    watch.look(0, true);
    watch.look(0, true);
    watch.look(0, false);
    EXPECT_FALSE(watch.look(0, true));
    EXPECT_FALSE(watch.look(0, true));
    EXPECT_TRUE(watch.look(0, true));
}

}  // namespace
}  // namespace krun::vmm
