// SPDX-License-Identifier: Apache-2.0
#include "base/bytes.h"

#include <gtest/gtest.h>
#include <sys/mman.h>

#include <array>

#include "base/checked.h"
#include "base/mapping.h"

namespace krun {
namespace {

TEST(ByteReader, TakesWhatWasPutAndNothingMore) {
    ByteWriter writer;
    writer.put(uint32_t{0x01020304}).put_text("ab");
    auto const bytes = std::move(writer).take();
    ByteReader reader(bytes);
    EXPECT_EQ(reader.take<uint32_t>(), 0x01020304u);
    EXPECT_EQ(reader.take_text(2), "ab");
    EXPECT_EQ(reader.left(), 0u);
}

TEST(ByteReader, TooLittleLeftConsumesNothing) {
    std::array<std::byte, 3> const bytes{};
    ByteReader reader(bytes);
    EXPECT_EQ(reader.take<uint32_t>(), std::nullopt);
    EXPECT_EQ(reader.take_text(4), std::nullopt);
    EXPECT_FALSE(reader.take_bytes(SIZE_MAX).has_value());
    EXPECT_EQ(reader.left(), 3u);
}

TEST(Checked, OverflowIsNothing) {
    EXPECT_EQ(checked_add<uint8_t>(200, 55), uint8_t{255});
    EXPECT_EQ(checked_add<uint8_t>(200, 56), std::nullopt);
    EXPECT_EQ(checked_mul<uint64_t>(uint64_t{1} << 32, uint64_t{1} << 32), std::nullopt);
    EXPECT_EQ(checked_narrow<uint8_t>(256), std::nullopt);
    EXPECT_EQ(checked_narrow<uint8_t>(-1), std::nullopt);
    EXPECT_EQ(checked_align_up<uint64_t>(4097, 4096), uint64_t{8192});
    EXPECT_EQ(checked_align_up<uint64_t>(UINT64_MAX, 4096), std::nullopt);
}

TEST(Mapping, AnonymousMemoryIsZeroAndSurvivesAMove) {
    auto mapping = Mapping::anonymous(8192).value();
    mapping.bytes()[8191] = std::byte{7};
    Mapping const moved(std::move(mapping));
    EXPECT_EQ(moved.bytes().size(), 8192u);
    EXPECT_EQ(moved.bytes()[0], std::byte{0});
    EXPECT_EQ(moved.bytes()[8191], std::byte{7});
}

TEST(Mapping, AnonymousMemoryBeginsAtAHugePageAndKeepsNothingBeyondItsEnd) {
    constexpr size_t kHugePage = size_t{2} << 20;
    // An odd page before each, so that the kernel does not happen to place them well.
    auto const odd = Mapping::anonymous(4096).value();
    auto const mapping = Mapping::anonymous(kHugePage + 4096).value();
    auto const begin = reinterpret_cast<uintptr_t>(mapping.bytes().data());
    EXPECT_EQ(begin % kHugePage, 0u);
    unsigned char resident = 0;
    EXPECT_EQ(::mincore(mapping.bytes().data() + kHugePage, 4096, &resident), 0);
    EXPECT_EQ(::mincore(mapping.bytes().data() + mapping.bytes().size(), 4096, &resident), -1);
}

}  // namespace
}  // namespace krun
