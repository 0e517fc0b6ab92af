// SPDX-License-Identifier: Apache-2.0
#include "vmm/virtio/chain.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/support/guest_driver.h"

namespace krun::vmm {
namespace {

class ChainTest : public ::testing::Test {
protected:
    static std::string text(Chain const& chain, size_t offset, size_t len) {
        std::string out(len, '\0');
        out.resize(chain.copy_from(offset, std::as_writable_bytes(std::span(out))));
        return out;
    }
    // The rule that the next pop says was broken, or "" if it was fine.
    std::string fault_of(Queue& from) {
        auto const popped = from.pop(chain);
        return popped.ok() ? "" : popped.error().rule;
    }

    GuestMemory ram = small_ram();
    GuestDriver driver{ram};
    Queue queue = driver.make_queue();
    Chain chain;
};

TEST_F(ChainTest, PartsComeInOrderSplitIntoReadableAndWritable) {
    auto const head = driver.chain().readable("abc").readable("defg").writable(10).writable(5).publish();
    ASSERT_TRUE(must(queue.pop(chain)));
    EXPECT_EQ(chain.head(), head);
    EXPECT_EQ(chain.readable_bytes(), 7u);
    EXPECT_EQ(chain.writable_bytes(), 15u);
    EXPECT_EQ(text(chain, 0, 100), "abcdefg");
    EXPECT_EQ(text(chain, 2, 3), "cde");
    EXPECT_EQ(text(chain, 7, 3), "");
}

TEST_F(ChainTest, CopyToSpansPartsAndStopsAtTheEnd) {
    auto const head = driver.chain().writable(3).writable(3).publish();
    ASSERT_TRUE(must(queue.pop(chain)));
    EXPECT_EQ(chain.copy_to(1, std::as_bytes(std::span("123456789", 9))), 5u);
    EXPECT_EQ(driver.written(head, 6), std::string("\0"
                                                   "12345",
                                                   6));
}

TEST_F(ChainTest, IndirectTableReadsAsTheSameChain) {
    driver.chain().readable("abc").readable("d").writable(9).indirect().publish();
    ASSERT_TRUE(must(queue.pop(chain)));
    EXPECT_EQ(text(chain, 0, 100), "abcd");
    EXPECT_EQ(chain.writable_bytes(), 9u);
}

TEST_F(ChainTest, EmptyDescriptorsAreSkipped) {
    driver.chain().part(GuestAddr{0x100}, 0, 0).readable("x").part(GuestAddr{0x100}, 0, kWrite).publish();
    ASSERT_TRUE(must(queue.pop(chain)));
    EXPECT_EQ(chain.readable().size(), 1u);
    EXPECT_TRUE(chain.writable().empty());
}

TEST_F(ChainTest, SelfLoopIsAFaultAfterQueueSizeSteps) {
    driver.raw_descriptor(3, {GuestAddr{0x100}, 1, kNext, 3});
    driver.raw_offer(3);
    EXPECT_EQ(fault_of(queue), "chain longer than the queue");
}

TEST_F(ChainTest, LoopOfTwoIsAFault) {
    driver.raw_descriptor(0, {GuestAddr{0x100}, 1, kNext, 1});
    driver.raw_descriptor(1, {GuestAddr{0x100}, 1, kNext, 0});
    driver.raw_offer(0);
    EXPECT_EQ(fault_of(queue), "chain longer than the queue");
}

TEST_F(ChainTest, LoopInAnIndirectTableLongerThanTheQueueIsAFault) {
    auto const table = driver.allocate(64 * sizeof(Descriptor));
    must(ram.write(table, Descriptor{GuestAddr{0x100}, 1, kNext, 0}));
    driver.raw_descriptor(0, {table, 64 * sizeof(Descriptor), kIndirect, 0});
    driver.raw_offer(0);
    EXPECT_EQ(fault_of(queue), "chain longer than the queue");
}

TEST_F(ChainTest, NextPastTheTableIsAFault) {
    driver.raw_descriptor(0, {GuestAddr{0x100}, 1, kNext, 8});
    driver.raw_offer(0);
    EXPECT_EQ(fault_of(queue), "descriptor index past table");
}

TEST_F(ChainTest, BadIndirectTablesAreFaults) {
    struct {
        Descriptor d;
        char const* rule;
    } const cases[] = {
        {{GuestAddr{0x100}, 0, kIndirect, 0}, "indirect table length"},
        {{GuestAddr{0x100}, 17, kIndirect, 0}, "indirect table length"},
        {{GuestAddr{0x100}, 0x100000, kIndirect, 0}, "indirect table length"},
        {{GuestAddr{0x100}, 16, kIndirect | kNext, 1}, "nested indirect table"},
        {{GuestAddr{0xfffff0}, 32, kIndirect, 0}, "address outside guest RAM"},
    };
    for (auto const& c : cases) {
        Queue fresh = driver.make_queue();
        driver.raw_descriptor(0, c.d);
        driver.raw_available_entry(0, 0);
        driver.raw_available_index(1);
        EXPECT_EQ(fault_of(fresh), c.rule);
    }
}

TEST_F(ChainTest, IndirectTableInsideAnotherIsAFault) {
    auto const table = driver.allocate(sizeof(Descriptor));
    must(ram.write(table, Descriptor{table, sizeof(Descriptor), kIndirect, 0}));
    driver.raw_descriptor(0, {table, sizeof(Descriptor), kIndirect, 0});
    driver.raw_offer(0);
    EXPECT_EQ(fault_of(queue), "nested indirect table");
}

TEST_F(ChainTest, IndirectTableWithoutTheFeatureIsAFault) {
    auto layout = driver.layout();
    layout.indirect = false;
    Queue plain = must(Queue::make(ram, layout));
    driver.chain().readable("a").indirect().publish();
    EXPECT_EQ(fault_of(plain), "indirect table without the feature");
}

TEST_F(ChainTest, ReadableAfterWritableIsAFault) {
    driver.chain().writable(1).readable("late").publish();
    EXPECT_EQ(fault_of(queue), "readable part after a writable one");
}

TEST_F(ChainTest, TotalAboveFourGibibytesIsAFault) {
    GuestRange const range{GuestAddr{0}, uint64_t{3} << 30};
    auto const big = must(GuestMemory::make({&range, 1}));
    GuestDriver big_driver(big);
    Queue big_queue = big_driver.make_queue();
    big_driver.chain().part(GuestAddr{0}, 0x80000000, 0).part(GuestAddr{0}, 0x80000000, 0).publish();
    EXPECT_EQ(fault_of(big_queue), "chain longer than 2^32 bytes");
}

TEST_F(ChainTest, LengthsOutsideRamAreFaults) {
    for (uint32_t const len : {0x80000000u, 0xffffffffu, 0x100001u}) {
        Queue fresh = driver.make_queue();
        driver.raw_descriptor(0, {GuestAddr{0}, len, 0, 0});
        driver.raw_available_entry(0, 0);
        driver.raw_available_index(1);
        EXPECT_EQ(fault_of(fresh), "address outside guest RAM") << len;
    }
}

}  // namespace
}  // namespace krun::vmm
