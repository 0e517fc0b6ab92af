// SPDX-License-Identifier: Apache-2.0
#include "vmm/device/iovec_slice.h"

#include <gtest/gtest.h>

#include <array>
#include <string>

namespace krun::vmm {
namespace {

// "abc" + "" + "defg" + "h", then the wanted range of it, joined.
std::string slice(size_t offset, size_t len) {
    static std::string parts[] = {"abc", "", "defg", "h"};
    std::vector<iovec> in;
    for (auto& p : parts) in.push_back({p.data(), p.size()});
    std::vector<iovec> out{{nullptr, 99}};  // must be cleared
    slice_iovecs(in, offset, len, out);
    std::string joined;
    for (auto const& p : out) {
        EXPECT_GT(p.iov_len, 0u);
        joined.append(static_cast<char const*>(p.iov_base), p.iov_len);
    }
    return joined;
}

TEST(IovecSlice, IsTheByteRangeWhateverThePartsAre) {
    std::string const whole = "abcdefgh";
    for (size_t offset = 0; offset <= whole.size(); ++offset)
        for (size_t len = 0; len <= whole.size() + 1; ++len)
            EXPECT_EQ(slice(offset, len), whole.substr(offset, len)) << offset << "+" << len;
}

TEST(IovecSlice, OffsetPastTheEndIsEmpty) {
    EXPECT_EQ(slice(9, 4), "");
    EXPECT_EQ(slice(SIZE_MAX, SIZE_MAX), "");
}

}  // namespace
}  // namespace krun::vmm
