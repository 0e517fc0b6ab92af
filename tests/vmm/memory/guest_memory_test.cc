// SPDX-License-Identifier: Apache-2.0
#include "vmm/memory/guest_memory.h"

#include <gtest/gtest.h>

#include <string>

#include "base/fd.h"
#include "tests/support/guest_driver.h"

namespace krun::vmm {
namespace {

// Three regions with a hole between the first two, the last two touching: a slice must not cross either way.
constexpr GuestRange kThree[] = {
    {GuestAddr{0x1000}, 0x2000}, {GuestAddr{0x5000}, 0x1000}, {GuestAddr{0x6000}, 0x1000}};

bool inside_one(uint64_t at, uint64_t len) {
    for (auto const& r : kThree)
        if (at >= raw(r.base) && at <= raw(r.base) + r.len_bytes && len <= raw(r.base) + r.len_bytes - at)
            return true;
    return false;
}

TEST(GuestMemory, SliceIsGivenExactlyWhenTheRangeLiesInOneRegion) {
    auto const ram = must(GuestMemory::make(kThree));
    std::vector<uint64_t> edges{0, 1, UINT64_MAX, UINT64_MAX - 1, UINT64_MAX / 2, uint64_t{1} << 32};
    for (auto const& r : kThree)
        for (int const delta : {-1, 0, 1}) {
            edges.push_back(raw(r.base) + static_cast<uint64_t>(delta));
            edges.push_back(raw(r.base) + r.len_bytes + static_cast<uint64_t>(delta));
            edges.push_back(r.len_bytes + static_cast<uint64_t>(delta));
        }
    for (uint64_t const at : edges)
        for (uint64_t const len : edges)
            EXPECT_EQ(ram.slice(GuestAddr{at}, len).ok(), inside_one(at, len)) << at << " + " << len;
}

TEST(GuestMemory, RangesThatOverlapOrAreNotPagesAreRefused) {
    GuestRange const overlapping[] = {{GuestAddr{0}, 0x2000}, {GuestAddr{0x1000}, 0x1000}};
    GuestRange const unaligned[] = {{GuestAddr{0x10}, 0x1000}};
    GuestRange const empty[] = {{GuestAddr{0}, 0}};
    GuestRange const wrapping[] = {{GuestAddr{UINT64_MAX & ~uint64_t{4095}}, 0x2000}};
    for (auto const ranges :
         {std::span<GuestRange const>(overlapping), std::span<GuestRange const>(unaligned),
          std::span<GuestRange const>(empty), std::span<GuestRange const>(wrapping)})
        EXPECT_FALSE(GuestMemory::make(ranges).ok());
}

TEST(GuestSlice, ReadsAndWritesPastItsEndFailAndChangeNothing) {
    auto const ram = small_ram();
    auto const slice = must(ram.slice(GuestAddr{0x100}, 8));
    must(ram.write<uint64_t>(GuestAddr{0x108}, 0x1122334455667788));
    EXPECT_FALSE(slice.write<uint64_t>(1, 0).ok());
    EXPECT_FALSE(slice.read<uint32_t>(5).ok());
    EXPECT_FALSE(slice.read<uint8_t>(SIZE_MAX).ok());
    EXPECT_FALSE(slice.store_release<uint16_t>(7, 0).ok());
    EXPECT_FALSE(slice.write_bytes(8, std::as_bytes(std::span("x", 1))).ok());
    EXPECT_EQ(must(ram.read<uint64_t>(GuestAddr{0x108})), 0x1122334455667788u);
}

TEST(GuestSlice, AtomicAccessRefusesAMisalignedOffset) {
    auto const ram = small_ram();
    auto const slice = must(ram.slice(GuestAddr{0x100}, 8));
    EXPECT_FALSE(slice.load_acquire<uint16_t>(1).ok());
    EXPECT_TRUE(slice.load_acquire<uint16_t>(2).ok());
}

TEST(GuestMemory, MappedFileIsSeenAndItsPagesArePrivate) {
    auto const file = must(make_memfd("image", 8192));
    must(write_full(file.borrow(), std::string_view("kernel")));
    auto ram = must(GuestMemory::make(kThree));
    must(ram.map_file(GuestAddr{0x1000}, 0x1000, file.borrow(), 0));
    EXPECT_EQ(must(ram.read<uint8_t>(GuestAddr{0x1000})), 'k');
    must(ram.write<uint8_t>(GuestAddr{0x1000}, 'K'));
    char first = 0;
    ASSERT_EQ(::pread(file.borrow().raw(), &first, 1, 0), 1);
    EXPECT_EQ(first, 'k');
}

TEST(GuestMemory, FileMappingOutsideRamOrOfPartPagesIsRefused) {
    auto ram = must(GuestMemory::make(kThree));
    auto const file = must(make_memfd("image", 8192));
    EXPECT_FALSE(ram.map_file(GuestAddr{0x2000}, 0x2000, file.borrow(), 0).ok());  // crosses the hole
    EXPECT_FALSE(ram.map_file(GuestAddr{0x1000}, 0x10, file.borrow(), 0).ok());
    EXPECT_FALSE(ram.map_file(GuestAddr{0x1000}, 0x1000, file.borrow(), 1).ok());
}

}  // namespace
}  // namespace krun::vmm
