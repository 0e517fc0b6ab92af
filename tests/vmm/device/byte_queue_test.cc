// SPDX-License-Identifier: Apache-2.0
#include "vmm/device/byte_queue.h"

#include <gtest/gtest.h>

#include <string>

namespace krun::vmm {
namespace {

std::span<std::byte const> bytes(std::string_view text) {
    return std::as_bytes(std::span(text));
}
std::string take_all(ByteQueue& queue) {
    std::string out;
    while (!queue.empty()) {
        auto const part = queue.front();
        out.append(reinterpret_cast<char const*>(part.data()), part.size());
        queue.consume(part.size());
    }
    return out;
}

TEST(ByteQueue, TakesNoMoreThanItsBound) {
    ByteQueue queue(8);
    EXPECT_EQ(queue.append(bytes("0123456789")), 8u);
    EXPECT_EQ(queue.room(), 0u);
    EXPECT_EQ(queue.append(bytes("x")), 0u);
    EXPECT_EQ(take_all(queue), "01234567");
}

TEST(ByteQueue, KeepsTheOrderAcrossItsEnd) {
    ByteQueue queue(8);
    queue.append(bytes("abcdef"));
    queue.consume(5);
    EXPECT_EQ(queue.append(bytes("ghijklmnop")), 7u);
    EXPECT_EQ(queue.size(), 8u);
    EXPECT_EQ(take_all(queue), "fghijklm");
    EXPECT_TRUE(queue.empty());
}

TEST(ByteQueue, ConsumingMoreThanThereIsAborts) {
    ByteQueue queue(8);
    queue.append(bytes("ab"));
    EXPECT_DEATH(queue.consume(3), "consumed more");
}

}  // namespace
}  // namespace krun::vmm
