// SPDX-License-Identifier: Apache-2.0
// What the guest finds in its first megabyte.
#include <asm/bootparam.h>
#include <gtest/gtest.h>

#include <string>

#include "tests/support/guest_driver.h"
#include "vmm/arch/x86_64/setup.h"
#include "vmm/memory/layout.h"

namespace krun::vmm::x86_64 {
namespace {

class BootStateTest : public ::testing::Test {
protected:
    std::string text(uint64_t at, size_t len) const {
        std::string out;
        for (size_t i = 0; i < len; ++i)
            out.push_back(static_cast<char>(must(ram.read<uint8_t>(GuestAddr{at + i}))));
        return out;
    }
    uint8_t sum(uint64_t at, size_t len) const {
        uint8_t total = 0;
        for (char const c : text(at, len)) total = static_cast<uint8_t>(total + static_cast<uint8_t>(c));
        return total;
    }
    GuestMemory ram = small_ram(2 << 20);
    uint64_t const mp = raw(layout::kMpTable);
};

TEST_F(BootStateTest, MpTableAddsUpToZeroForEveryNumberOfCpusAndDevices) {
    for (auto const& [vcpus, devices] : {std::pair(1u, 0u), {2u, 7u}, {64u, layout::kMaxDevices}}) {
        ASSERT_TRUE(write_mp_table(ram, vcpus, devices).ok());
        EXPECT_EQ(text(mp, 4), "_MP_");
        EXPECT_EQ(sum(mp, 16), 0);
        auto const table = must(ram.read<uint32_t>(GuestAddr{mp + 4}));
        EXPECT_EQ(text(table, 4), "PCMP");
        auto const length = must(ram.read<uint16_t>(GuestAddr{table + 4}));
        EXPECT_EQ(sum(table, length), 0);
        EXPECT_EQ(length, 44 + 20 * vcpus + 8 + 8 + (1 + devices) * 8 + 2 * 8);
        EXPECT_EQ(must(ram.read<uint16_t>(GuestAddr{table + 34})), vcpus + 2 + 1 + devices + 2);
        EXPECT_EQ(must(ram.read<uint8_t>(GuestAddr{table + 44 + 3})), 3) << "enabled boot processor";
    }
}

// Each pin that it has costs the guest's kernel 16 exits.
TEST_F(BootStateTest, MpTableHasThePinsOfTheTimerAndTheDevicesOnly) {
    ASSERT_TRUE(write_mp_table(ram, 1, 3).ok());
    uint64_t const first = raw(layout::kMpTable) + 16 + 44 + 20 + 8 + 8;
    for (auto const pin : {0, 5, 6, 7}) {
        uint64_t const entry = first + 8 * static_cast<uint64_t>(pin == 0 ? 0 : pin - 4);
        EXPECT_EQ(text(entry, 2), std::string("\3\0", 2)) << "a vectored interrupt";
        EXPECT_EQ(must(ram.read<uint8_t>(GuestAddr{entry + 5})), pin) << "source";
        EXPECT_EQ(must(ram.read<uint8_t>(GuestAddr{entry + 7})), pin) << "pin";
    }
    EXPECT_EQ(must(ram.read<uint8_t>(GuestAddr{first + 4 * 8})), 4) << "local interrupts follow";
}

TEST_F(BootStateTest, BootParamsPointAtTheCommandLineAndMapTheRam) {
    ASSERT_TRUE(write_boot_params(ram, "console=hvc0").ok());
    uint64_t const base = raw(layout::kBootParams);
    EXPECT_EQ(must(ram.read<uint16_t>(GuestAddr{base + 0x1fe})), 0xaa55);
    auto const line = must(ram.read<uint32_t>(GuestAddr{base + offsetof(boot_params, hdr.cmd_line_ptr)}));
    EXPECT_EQ(text(line, 13), std::string("console=hvc0\0", 13));
    EXPECT_EQ(must(ram.read<uint8_t>(GuestAddr{base + 0x1e8})), 3);
    uint64_t const high = base + 0x2d0 + 2 * 20;
    EXPECT_EQ(must(ram.read<uint64_t>(GuestAddr{high})), 0x100000u);
    EXPECT_EQ(must(ram.read<uint64_t>(GuestAddr{high + 8})), 0x100000u);
    EXPECT_EQ(must(ram.read<uint32_t>(GuestAddr{high + 16})), 1u);
}

TEST_F(BootStateTest, BzImageGetsItsHeaderBackWithWhereThingsAre) {
    setup_header header{};
    header.version = 0x20c;
    header.init_size = 1234;
    header.setup_data = header.ramdisk_size = 77;  // not the file's to say
    ASSERT_TRUE(write_boot_params(ram, "x", header, GuestRange{GuestAddr{0x180000}, 5000}).ok());
    uint64_t const base = raw(layout::kBootParams);
    auto const field = [&](size_t offset) { return must(ram.read<uint32_t>(GuestAddr{base + offset})); };
    EXPECT_EQ(must(ram.read<uint16_t>(GuestAddr{base + offsetof(boot_params, hdr.version)})), 0x20c);
    EXPECT_EQ(field(offsetof(boot_params, hdr.init_size)), 1234u);
    EXPECT_EQ(field(offsetof(boot_params, hdr.ramdisk_image)), 0x180000u);
    EXPECT_EQ(field(offsetof(boot_params, hdr.ramdisk_size)), 5000u);
    EXPECT_EQ(field(offsetof(boot_params, hdr.setup_data)), raw(layout::kRngSeed));
    EXPECT_EQ(must(ram.read<uint8_t>(GuestAddr{base + offsetof(boot_params, hdr.type_of_loader)})), 0xff);
    ASSERT_TRUE(write_boot_params(ram, "x", header).ok());
    EXPECT_EQ(field(offsetof(boot_params, hdr.ramdisk_size)), 0u);
}

TEST_F(BootStateTest, SeedIsFreshForEveryGuest) {
    uint64_t const seed = raw(layout::kRngSeed);
    ASSERT_TRUE(write_boot_params(ram, "").ok());
    EXPECT_EQ(must(ram.read<uint32_t>(GuestAddr{seed + 8})), 9u);  // SETUP_RNG_SEED
    EXPECT_EQ(must(ram.read<uint32_t>(GuestAddr{seed + 12})), 32u);
    auto const first = text(seed + 16, 32);
    ASSERT_TRUE(write_boot_params(ram, "").ok());
    EXPECT_NE(text(seed + 16, 32), first);
}

TEST_F(BootStateTest, PageTablesMapFourGibibytesOneToOne) {
    ASSERT_TRUE(write_address_space(ram).ok());
    // Walks as the CPU does, with 2 MiB pages.
    for (uint64_t const address :
         {uint64_t{0}, uint64_t{0x200000}, uint64_t{0xd0001000}, uint64_t{0xffffffff}}) {
        uint64_t table = raw(layout::kPageTables);
        for (unsigned const shift : {39u, 30u})
            table =
                must(ram.read<uint64_t>(GuestAddr{table + 8 * (address >> shift & 511)})) & ~uint64_t{0xfff};
        auto const entry = must(ram.read<uint64_t>(GuestAddr{table + 8 * (address >> 21 & 511)}));
        EXPECT_EQ(entry, (address & ~uint64_t{0x1fffff}) | 0x83) << address;
    }
}

}  // namespace
}  // namespace krun::vmm::x86_64
