// SPDX-License-Identifier: Apache-2.0
#include "base/internet_checksum.h"

#include <gtest/gtest.h>

#include <array>
#include <string>

namespace krun {
namespace {

std::span<std::byte const> view(std::string const& text) {
    return std::as_bytes(std::span(text));
}

// As it stands in a packet.
std::string checksum_of(InternetSum const& sum) {
    uint16_t const checksum = sum.checksum();
    return {reinterpret_cast<char const*>(&checksum), sizeof checksum};
}

// RFC 1071 §3: the numbers 0001 f203 f4f5 f6f7 have the sum ddf2.
TEST(InternetSum, IsThatOfTheStandardsExample) {
    std::string const bytes("\x00\x01\xf2\x03\xf4\xf5\xf6\xf7", 8);
    EXPECT_EQ(checksum_of(InternetSum().add(view(bytes))), "\x22\x0d");
}

TEST(InternetSum, PiecesOfEvenLengthAreAsGoodAsTheWhole) {
    std::string bytes;
    for (int i = 0; i < 1001; ++i) bytes.push_back(static_cast<char>(i * 37 + 250));
    auto const whole = checksum_of(InternetSum().add(view(bytes)));
    for (size_t cut = 0; cut <= bytes.size(); cut += 2)
        EXPECT_EQ(checksum_of(InternetSum().add(view(bytes.substr(0, cut))).add(view(bytes.substr(cut)))),
                  whole);
}

TEST(InternetSum, AnOddByteIsTheUpperHalfOfAWord) {
    EXPECT_EQ(checksum_of(InternetSum().add(view("\x12"))),
              checksum_of(InternetSum().add(view(std::string("\x12\x00", 2)))));
}

TEST(InternetSum, WithItsChecksumTheSumIsAllOnes) {
    for (size_t bytes = 2; bytes < 100; bytes += 2) {
        std::string const text(bytes, '\xff');
        auto const checksum = checksum_of(InternetSum().add(view(text)));
        EXPECT_EQ(InternetSum().add(view(text + checksum)).folded(), 0xffff);
    }
}

}  // namespace
}  // namespace krun
