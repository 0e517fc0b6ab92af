// SPDX-License-Identifier: Apache-2.0
#include "vmm/arch/x86_64/ioapic.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace krun::vmm::x86_64 {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr uint32_t kMasked = 1 << 16, kLogical = 1 << 11, kLowestPriority = 1 << 8;

class IoApicTest : public ::testing::Test {
protected:
    void write(uint64_t offset, uint32_t value) { apic.write(offset, std::as_bytes(std::span(&value, 1))); }
    void write_register(uint32_t index, uint32_t value) {
        write(0x00, index);
        write(0x10, value);
    }
    uint32_t read_register(uint32_t index) {
        write(0x00, index);
        return RegisterPage(page).word(0x10);
    }
    void program(uint32_t pin, uint32_t low, uint32_t destination = 0) {
        write_register(0x11 + 2 * pin, destination << 24);
        write_register(0x10 + 2 * pin, low);
    }

    std::vector<InterruptMessage> sent;
    alignas(RegisterPage::kBytes) std::array<std::byte, RegisterPage::kBytes> page{};
    IoApic apic{RegisterPage(page), layout::kIoApicPins, [this](auto message) { sent.push_back(message); }};
};

TEST_F(IoApicTest, BeginsWithAllPinsMasked) {
    EXPECT_EQ(read_register(1), 0x00170011u);
    for (uint32_t pin = 0; pin < layout::kIoApicPins; ++pin) {
        EXPECT_EQ(read_register(0x10 + 2 * pin), kMasked);
        apic.raise(pin);
    }
    EXPECT_THAT(sent, IsEmpty());
}

// What a guest's kernel sets up when it starts.
TEST_F(IoApicTest, HasAsManyPinsAsItIsMadeWith) {
    IoApic small(RegisterPage(page), 9, [](auto) {});
    auto const write_word = [&](uint64_t offset, uint32_t value) {
        small.write(offset, std::as_bytes(std::span(&value, 1)));
    };
    write_word(0x00, 1);
    EXPECT_EQ(RegisterPage(page).word(0x10), 0x00080011u);
    write_word(0x00, 0x10 + 2 * 8);
    EXPECT_EQ(RegisterPage(page).word(0x10), kMasked);
    write_word(0x00, 0x10 + 2 * 9);
    write_word(0x10, 0x31);
    EXPECT_EQ(RegisterPage(page).word(0x10), 0u) << "there is no such pin";
}

TEST_F(IoApicTest, AnEdgeIsTheMessageThatItsPinWasProgrammedFor) {
    program(5, 0x31, 2);
    program(6, 0x32 | kLogical | kLowestPriority, 0xff);
    apic.raise(5);
    apic.raise(6);
    EXPECT_THAT(sent, ElementsAre(InterruptMessage{0xfee02000, 0x31}, InterruptMessage{0xfeeff00c, 0x132}));
}

TEST_F(IoApicTest, EdgesOfAMaskedPinAreOneWhenItIsUnmasked) {
    program(7, 0x40 | kMasked);
    apic.raise(7);
    apic.raise(7);
    EXPECT_THAT(sent, IsEmpty());
    program(7, 0x41);
    EXPECT_THAT(sent, ElementsAre(InterruptMessage{0xfee00000, 0x41}));
    program(7, 0x41 | kMasked);
    program(7, 0x41);
    EXPECT_EQ(sent.size(), 1u);
}

TEST_F(IoApicTest, WhatTheGuestWroteIsReadWithoutTheBitsThatAreNotItsOwn) {
    program(23, UINT32_MAX, UINT32_MAX);
    EXPECT_EQ(read_register(0x10 + 46), 0x0001afffu);
    EXPECT_EQ(read_register(0x11 + 46), 0xff000000u);
    write_register(0, UINT32_MAX);
    EXPECT_EQ(read_register(0), 0x0f000000u);
    EXPECT_EQ(read_register(2), 0x0f000000u);
}

TEST_F(IoApicTest, RegistersThatAreNotThereReadZeroAndTakeNothing) {
    for (uint32_t const index : {3u, 0xfu, 0x10u + 2 * layout::kIoApicPins, 0xffu, UINT32_MAX}) {
        write_register(index, UINT32_MAX);
        EXPECT_EQ(read_register(index), 0u) << index;
    }
    EXPECT_EQ(read_register(1), 0x00170011u);
}

TEST_F(IoApicTest, AccessesOfOtherWidthsAndOffsetsDoNothing) {
    program(5, 0x31);
    std::array<std::byte, 8> const ones{std::byte{0xff}, std::byte{0xff}};
    for (size_t const width : {size_t{1}, size_t{2}, size_t{8}})
        apic.write(0x10, std::span(ones).first(width));
    write(0x14, 0);
    write(0xffc, 0);
    EXPECT_EQ(read_register(0x10 + 10), 0x31u);
}

// Under ThreadSanitizer, too. An edge that comes while its pin is being unmasked arrives.
TEST_F(IoApicTest, NoEdgeIsLostBetweenMaskingAndUnmasking) {
    std::atomic<uint32_t> arrived{0};
    IoApic busy(RegisterPage(page), layout::kIoApicPins, [&](auto) { arrived.fetch_add(1); });
    auto const set = [&](uint32_t low) {
        for (auto const& [offset, value] : {std::pair{0x00u, 0x1au}, std::pair{0x10u, low}})
            busy.write(offset, std::as_bytes(std::span(&value, 1)));
    };
    for (uint32_t turn = 1; turn <= 2000; ++turn) {
        set(0x31 | kMasked);
        std::thread device([&] { busy.raise(5); });
        set(0x31);
        device.join();
        ASSERT_EQ(arrived.load(), turn);
    }
}

}  // namespace
}  // namespace krun::vmm::x86_64
