// SPDX-License-Identifier: Apache-2.0
#include "runtime/process/boot_limit.h"

#include <gtest/gtest.h>

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

}  // namespace
}  // namespace krun::runtime
