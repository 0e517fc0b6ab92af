// SPDX-License-Identifier: Apache-2.0
#include "vmm/virtio/mmio.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/support/mmio_driver.h"

namespace krun::vmm {
namespace {

class MmioTest : public ::testing::Test {
protected:
    // Offers `text` and returns what the echo device sends back, or "" if nothing comes.
    std::string echo(std::string const& text) {
        queue.chain().readable(text).writable(64).publish();
        mmio.notify();
        std::optional<GuestDriver::Used> used;
        MmioDriver::eventually([&] { return (used = queue.take_used()).has_value(); });
        return used ? used->data : "";
    }
    bool needs_reset() {
        return MmioDriver::eventually([&] { return (mmio.status() & kStatusNeedsReset) != 0; });
    }

    GuestMemory ram = small_ram();
    GuestDriver queue{ram};
    MmioDriver mmio{ram};
};

TEST_F(MmioTest, IdentityRegistersSayVersionTwoAndTheDevice) {
    EXPECT_EQ(mmio.read(0x00), 0x74726976u);
    EXPECT_EQ(mmio.read(0x04), 2u);
    EXPECT_EQ(mmio.read(0x08), 3u);
    EXPECT_EQ(mmio.read(0x70), 0u);
}

TEST_F(MmioTest, FeaturesAreReadInHalvesAndNothingBeyondThem) {
    mmio.write(0x14, 0);
    EXPECT_EQ(mmio.read(0x10), static_cast<uint32_t>(kTransportFeatures | EchoDevice::kOwnFeature));
    mmio.write(0x14, 1);
    EXPECT_EQ(mmio.read(0x10), 1u);  // VERSION_1
    for (uint32_t const select : {2u, 0xffffu, 0x80000000u, 0xffffffffu}) {
        mmio.write(0x14, select);
        EXPECT_EQ(mmio.read(0x10), 0u) << select;
    }
}

TEST_F(MmioTest, BringUpEchoesAndInterrupts) {
    mmio.bring_up(queue);
    EXPECT_EQ(mmio.status(), 15u);
    EXPECT_EQ(echo("hello"), "hello");
    EXPECT_TRUE(MmioDriver::eventually([&] { return mmio.read(0x60) == Interrupt::kUsedBuffers; }));
    mmio.write(0x64, Interrupt::kUsedBuffers);
    EXPECT_EQ(mmio.read(0x60), 0u);
}

TEST_F(MmioTest, ChainsOfferedBeforeDriverOkAreServedWithoutAnotherNotification) {
    queue.chain().readable("early").writable(8).publish();
    mmio.bring_up(queue);
    EXPECT_TRUE(MmioDriver::eventually([&] { return queue.used_index() == 1; }));
}

TEST_F(MmioTest, FeaturesThatWereNotOfferedAreRefused) {
    uint64_t const packed = uint64_t{1} << 34, in_order = uint64_t{1} << 35, beyond = uint64_t{1} << 63;
    for (uint64_t const bad : {packed, in_order, beyond, uint64_t{2}}) {
        mmio.negotiate(kFeatureVersion1 | bad);
        EXPECT_EQ(mmio.status(), kStatusAcknowledge | kStatusDriver) << bad;
    }
}

TEST_F(MmioTest, FeatureBitsAbove63AreRefused) {
    mmio.set_status(kStatusAcknowledge | kStatusDriver);
    mmio.write_features(kFeatureVersion1);
    mmio.write(0x24, 2);
    mmio.write(0x20, 1);
    mmio.set_status(MmioDriver::kBeforeOk);
    EXPECT_EQ(mmio.status(), kStatusAcknowledge | kStatusDriver);
}

TEST_F(MmioTest, LegacyDriverIsRefused) {
    mmio.negotiate(0);
    EXPECT_EQ(mmio.status(), kStatusAcknowledge | kStatusDriver);
}

TEST_F(MmioTest, StatusBitsOutOfOrderAreIgnored) {
    mmio.set_status(kStatusDriver);
    EXPECT_EQ(mmio.status(), 0u);
    mmio.set_status(kStatusAcknowledge | kStatusFeaturesOk);
    EXPECT_EQ(mmio.status(), 0u);
    mmio.set_status(kStatusAcknowledge | kStatusDriver | kStatusDriverOk);
    EXPECT_EQ(mmio.status(), 0u);
}

TEST_F(MmioTest, StatusNeverGoesBackExceptToZero) {
    mmio.bring_up(queue);
    mmio.set_status(kStatusAcknowledge);
    EXPECT_EQ(mmio.status(), 15u);
    mmio.set_status(0);
    EXPECT_EQ(mmio.status(), 0u);
}

TEST_F(MmioTest, FailedStopsEverythingButReset) {
    mmio.set_status(kStatusAcknowledge | kStatusFailed);
    mmio.set_status(kStatusAcknowledge | kStatusDriver | kStatusFailed);
    EXPECT_EQ(mmio.status(), kStatusAcknowledge | kStatusFailed);
    mmio.set_status(0);
    EXPECT_EQ(mmio.status(), 0u);
}

TEST_F(MmioTest, QueueRegistersWrittenAfterDriverOkChangeNothing) {
    mmio.bring_up(queue);
    ASSERT_EQ(echo("one"), "one");
    mmio.write(0x30, 0);
    mmio.write(0x44, 0);
    mmio.write(0x38, 4);
    for (uint64_t const offset : {0x80u, 0x84u, 0x90u, 0x94u, 0xa0u, 0xa4u}) mmio.write(offset, 0xffffffff);
    mmio.write(0x44, 2);
    mmio.write(0x24, 0);
    mmio.write(0x20, 0);
    EXPECT_EQ(mmio.read(0x44), 1u);
    EXPECT_EQ(echo("two"), "two");
}

TEST_F(MmioTest, ReadyQueueKeepsItsLayout) {
    mmio.negotiate();
    mmio.set_up_queue(0, queue.layout());
    mmio.write(0x80, 0xdead0000);
    mmio.go();
    EXPECT_EQ(echo("still here"), "still here");
}

TEST_F(MmioTest, SelectorsBeyondTheQueuesReadZeroAndAreIgnored) {
    mmio.negotiate();
    for (uint32_t const select : {2u, 3u, 0xffffu, 0x80000000u, 0xffffffffu}) {
        mmio.write(0x30, select);
        EXPECT_EQ(mmio.read(0x34), 0u);
        mmio.write(0x44, 1);
        EXPECT_EQ(mmio.read(0x44), 0u);
    }
    mmio.write(0x30, 1);
    EXPECT_EQ(mmio.read(0x34), 16u);
}

TEST_F(MmioTest, BadQueuesAtDriverOkNeedAResetAndStartNothing) {
    auto const good = queue.layout();
    auto too_large = good, outside = good, misaligned = good, no_size = good, wrapping = good;
    too_large.size = 16;
    outside.device_area = GuestAddr{0xd0000000};
    misaligned.descriptors = GuestAddr{0x1001};
    no_size.size = 0;
    wrapping.descriptors = GuestAddr{~uint64_t{15}};
    for (auto const& layout : {too_large, outside, misaligned, no_size, wrapping}) {
        mmio.negotiate();
        mmio.set_up_queue(0, layout);
        mmio.go();
        EXPECT_TRUE(needs_reset());
        EXPECT_EQ(mmio.read(0x60), Interrupt::kConfigChanged);
    }
    EXPECT_EQ(mmio.device().activations.load(), 0);
}

TEST_F(MmioTest, GuestFaultMeansNeedsResetUntilTheDriverResets) {
    mmio.bring_up(queue);
    queue.raw_offer(99);
    mmio.notify();
    EXPECT_TRUE(needs_reset());
    mmio.set_status(0);
    EXPECT_EQ(mmio.status(), 0u);
    GuestDriver fresh(ram, {.base = GuestAddr{0x80000}});
    mmio.bring_up(fresh);
    fresh.chain().readable("back").writable(8).publish();
    mmio.notify();
    EXPECT_TRUE(MmioDriver::eventually([&] { return fresh.used_index() == 1; }));
}

TEST_F(MmioTest, HostIsToldWhichRuleWasBrokenButNotForEver) {
    for (int i = 0; i < 20; ++i) {
        GuestDriver fresh(ram);
        must(must(ram.slice(GuestAddr{0x1000}, 4096)).write_bytes(0, std::vector<std::byte>(4096)));
        mmio.bring_up(fresh);
        fresh.raw_offer(99);
        mmio.notify();
        ASSERT_TRUE(needs_reset());
        mmio.set_status(0);
    }
    EXPECT_EQ(mmio.faults(), std::vector<std::string>(8, "available head past table"));
}

TEST_F(MmioTest, FaultedDeviceServesNoMore) {
    mmio.bring_up(queue);
    queue.chain().writable(8).publish();  // nothing to echo: the device calls it a fault
    mmio.notify();
    ASSERT_TRUE(needs_reset());
    queue.chain().readable("late").writable(8).publish();
    mmio.notify();
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    EXPECT_EQ(queue.used_index(), 0);
}

TEST_F(MmioTest, ResetIsABarrierForGuestMemory) {
    for (int i = 0; i < 200; ++i) {
        GuestDriver fresh(ram);
        must(must(ram.slice(GuestAddr{0x1000}, 4096)).write_bytes(0, std::vector<std::byte>(4096)));
        mmio.bring_up(fresh);
        fresh.chain().readable("x").writable(8).publish();
        mmio.notify();
        mmio.set_status(0);
        uint16_t const used = fresh.used_index();
        std::this_thread::yield();
        EXPECT_EQ(fresh.used_index(), used);
    }
    EXPECT_EQ(mmio.device().resets.load(), mmio.device().activations.load());
}

TEST_F(MmioTest, ConcurrentStatusWritesLeaveTheDeviceResetOrActiveNotBoth) {
    for (int i = 0; i < 100; ++i) {
        mmio.negotiate();
        mmio.set_up_queue(0, queue.layout());
        std::thread other([&] { mmio.set_status(0); });
        mmio.go();
        other.join();
        mmio.set_status(0);
        EXPECT_EQ(mmio.device().resets.load(), mmio.device().activations.load());
    }
}

TEST_F(MmioTest, AccessesOfOtherWidthsWriteNothing) {
    std::array<std::byte, 8> eight;
    eight.fill(std::byte{0xff});
    for (size_t const width : {size_t{1}, size_t{2}, size_t{8}})
        mmio.transport().write(0x70, std::as_bytes(std::span(eight).first(width)));
    EXPECT_EQ(mmio.status(), 0u);
}

TEST_F(MmioTest, ConfigurationPastItsEndReadsZero) {
    EXPECT_EQ(mmio.read(0x100), 0xddccbbaau);
    EXPECT_EQ(mmio.read(0x104), 0u);
    EXPECT_EQ(mmio.read(0xffc), 0u);
}

TEST_F(MmioTest, SharedMemoryRegistersSayThereIsNone) {
    mmio.write(0xac, 0);
    EXPECT_EQ(mmio.read(0xb0), 0xffffffffu);
    EXPECT_EQ(mmio.read(0xb4), 0xffffffffu);
}

TEST_F(MmioTest, AcceptedFeaturesReachTheDevice) {
    mmio.negotiate(kFeatureVersion1 | EchoDevice::kOwnFeature);
    mmio.set_up_queue(0, queue.layout());
    mmio.go();
    EXPECT_TRUE(MmioDriver::eventually([&] { return mmio.device().activations.load() == 1; }));
    EXPECT_EQ(mmio.device().features_seen.load(), kFeatureVersion1 | EchoDevice::kOwnFeature);
}

}  // namespace
}  // namespace krun::vmm
