// SPDX-License-Identifier: Apache-2.0
#include "runtime/boot_limit.h"

#include <gtest/gtest.h>

#include <optional>

namespace krun::runtime {
namespace {

using std::chrono::milliseconds;

TEST(BootLimitReason, OnACpuWithVirtualizationNamesTheTimeAlone) {
    EXPECT_EQ(boot_limit_reason(kBootLimit, true), "the guest was not ready after 120 s");
}

TEST(BootLimitReason, OnASoftwareKvmNamesIt) {
    EXPECT_EQ(boot_limit_reason(milliseconds(5000), false),
              "the guest was not ready after 5 s; this host's KVM is emulated in software (its CPU offers "
              "neither VMX nor SVM)");
}

TEST(BootLimit, ExceededTellsOnce) {
    auto loop = EventLoop::make().value();
    int told = 0;
    auto const limit = BootLimit::make(loop, milliseconds(10), [&] { ++told; }).value();
    ASSERT_TRUE(loop.run_once(5000).ok());
    EXPECT_EQ(told, 1);
    ASSERT_TRUE(loop.run_once(50).ok());
    EXPECT_EQ(told, 1);
}

TEST(BootLimit, GoneWhenTheGuestIsReadyTellsNothing) {
    auto loop = EventLoop::make().value();
    int told = 0;
    std::optional<BootLimit> limit;
    limit.emplace(BootLimit::make(loop, milliseconds(10), [&] { ++told; }).value());
    limit.reset();
    ASSERT_TRUE(loop.run_once(100).ok());
    EXPECT_EQ(told, 0);
}

TEST(BootLimit, CanBeDroppedByWhatItTells) {
    auto loop = EventLoop::make().value();
    std::optional<BootLimit> limit;
    bool told = false;
    limit.emplace(BootLimit::make(loop, milliseconds(10), [&] {
                      limit.reset();
                      told = true;
                  }).value());
    ASSERT_TRUE(loop.run_once(5000).ok());
    EXPECT_TRUE(told);
}

}  // namespace
}  // namespace krun::runtime
