// SPDX-License-Identifier: Apache-2.0
#include "vmm/bus/bus.h"

#include <gtest/gtest.h>

namespace krun::vmm {
namespace {

class Recorder final : public MmioDevice {
public:
    std::string_view name() const override { return "recorder"; }
    void write(uint64_t offset, std::span<std::byte const> /*data*/) override { last_offset = offset; }
    uint64_t last_offset = ~uint64_t{0};
};

class BusTest : public ::testing::Test {
protected:
    Bus bus;
    Recorder first, second;
};

TEST_F(BusTest, AccessGoesToTheDeviceOfItsAddressWithTheOffset) {
    ASSERT_TRUE(bus.attach({GuestAddr{0x2000}, 0x1000}, second).ok());
    ASSERT_TRUE(bus.attach({GuestAddr{0x1000}, 0x1000}, first).ok());
    bus.write(GuestAddr{0x1ffc}, {});
    EXPECT_EQ(first.last_offset, 0xffcu);
    bus.write(GuestAddr{0x2000}, {});
    EXPECT_EQ(second.last_offset, 0u);
}

TEST_F(BusTest, WritesToUnattachedAddressesVanish) {
    ASSERT_TRUE(bus.attach({GuestAddr{0x1000}, 0x1000}, first).ok());
    for (uint64_t const at : {uint64_t{0}, uint64_t{0xfff}, uint64_t{0x2000}, UINT64_MAX})
        bus.write(GuestAddr{at}, {});
    EXPECT_EQ(first.last_offset, ~uint64_t{0});
}

TEST_F(BusTest, OverlappingEmptyAndWrappingRangesAreRefused) {
    ASSERT_TRUE(bus.attach({GuestAddr{0x1000}, 0x1000}, first).ok());
    EXPECT_EQ(bus.attach({GuestAddr{0x1fff}, 2}, second).error().message(), "recorder overlaps recorder");
    EXPECT_FALSE(bus.attach({GuestAddr{0}, 0x3000}, second).ok());
    EXPECT_FALSE(bus.attach({GuestAddr{0x5000}, 0}, second).ok());
    EXPECT_FALSE(bus.attach({GuestAddr{UINT64_MAX}, 2}, second).ok());
}

}  // namespace
}  // namespace krun::vmm
