// SPDX-License-Identifier: Apache-2.0
#include "vmm/kvm/speed.h"

#include <fcntl.h>
#include <gtest/gtest.h>

#include "base/fd.h"

namespace krun::vmm {
namespace {

TEST(KvmSpeed, IsAPlausibleNumberOfInstructionsASecond) {
    auto kvm = open_path("/dev/kvm", O_RDWR);
    if (!kvm.ok()) GTEST_SKIP() << "no /dev/kvm";
    auto const speed = measure_guest_speed(std::move(kvm).value());
    ASSERT_TRUE(speed.ok()) << speed.error().message();
    EXPECT_GT(speed.value(), 1e3);
    EXPECT_LT(speed.value(), 1e11);
}

TEST(KvmSpeed, OfWhatIsNoKvmIsAnError) {
    EXPECT_FALSE(measure_guest_speed(open_path("/dev/null", O_RDWR).value()).ok());
}

}  // namespace
}  // namespace krun::vmm
