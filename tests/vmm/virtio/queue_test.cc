// SPDX-License-Identifier: Apache-2.0
#include "vmm/virtio/queue.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/support/guest_driver.h"

namespace krun::vmm {
namespace {

class QueueTest : public ::testing::Test {
protected:
    void pop_and_push(Queue& queue, uint32_t written = 0) {
        ASSERT_TRUE(must(queue.pop(chain)));
        must(queue.push_used(chain, written));
    }
    GuestMemory ram = small_ram();
    Chain chain;
};

std::string refusal(GuestMemory const& ram, QueueLayout const& layout) {
    auto const queue = Queue::make(ram, layout);
    return queue.ok() ? "" : queue.error().rule;
}

TEST_F(QueueTest, SizesThatAreNoPowerOfTwoAreRefused) {
    auto layout = GuestDriver(ram).layout();
    for (uint16_t const size : {uint16_t{0}, uint16_t{3}, uint16_t{65535}}) {
        layout.size = size;
        EXPECT_EQ(refusal(ram, layout), "queue size is not a power of two up to 32768");
    }
}

TEST_F(QueueTest, MisalignedRingsAreRefused) {
    auto const good = GuestDriver(ram).layout();
    auto bad = good;
    bad.descriptors = GuestAddr{raw(good.descriptors) + 8};
    EXPECT_EQ(refusal(ram, bad), "misaligned ring");
    bad = good;
    bad.driver_area = GuestAddr{raw(good.driver_area) + 1};
    EXPECT_EQ(refusal(ram, bad), "misaligned ring");
    bad = good;
    bad.device_area = GuestAddr{raw(good.device_area) + 2};
    EXPECT_EQ(refusal(ram, bad), "misaligned ring");
}

TEST_F(QueueTest, RingsThatLeaveRamByOneByteAreRefused) {
    auto layout = GuestDriver(ram).layout();
    layout.descriptors = GuestAddr{(1 << 20) - 16 * 8 + 16};
    EXPECT_EQ(refusal(ram, layout), "address outside guest RAM");
    layout.descriptors = GuestAddr{UINT64_MAX - 15};
    EXPECT_EQ(refusal(ram, layout), "address outside guest RAM");
}

TEST_F(QueueTest, OverlappingRingsAreRefused) {
    auto layout = GuestDriver(ram).layout();
    layout.device_area = layout.descriptors;
    EXPECT_EQ(refusal(ram, layout), "rings overlap");
}

TEST_F(QueueTest, EmptyQueuePopsNothingAndAsksForANotification) {
    GuestDriver driver(ram, {.event_idx = true});
    Queue queue = driver.make_queue();
    driver.chain().readable("a").publish();
    pop_and_push(queue);
    EXPECT_EQ(driver.available_event(), 0);
    EXPECT_FALSE(must(queue.pop(chain)));
    EXPECT_EQ(driver.available_event(), 1);  // "tell me when entry 1 is filled" (§2.7.10)
}

TEST_F(QueueTest, UsedElementsCarryHeadLengthAndData) {
    GuestDriver driver(ram);
    Queue queue = driver.make_queue();
    auto const head = driver.chain().writable(16).publish();
    ASSERT_TRUE(must(queue.pop(chain)));
    chain.copy_to(0, std::as_bytes(std::span("hello", 5)));
    must(queue.push_used(chain, 5));
    auto const used = driver.take_used();
    ASSERT_TRUE(used);
    EXPECT_EQ(used->head, head);
    EXPECT_EQ(used->data, "hello");
    EXPECT_FALSE(driver.take_used());
}

TEST_F(QueueTest, IndicesWrapAtTwoToTheSixteenth) {
    GuestDriver driver(ram, {.room_bytes = 900 << 10, .size = 2});
    Queue queue = driver.make_queue();
    auto const buffer = driver.allocate(4);
    for (int i = 0; i < 70000; ++i) {
        driver.chain().part(buffer, 4, kWrite).publish();
        pop_and_push(queue, 4);
        ASSERT_TRUE(driver.take_used()) << i;
    }
    EXPECT_EQ(driver.used_index(), static_cast<uint16_t>(70000));
}

TEST_F(QueueTest, ChainsMayComeBackInAnotherOrder) {
    GuestDriver driver(ram);
    Queue queue = driver.make_queue();
    auto const first = driver.chain().readable("1").publish();
    auto const second = driver.chain().readable("2").publish();
    Chain a, b;
    ASSERT_TRUE(must(queue.pop(a)));
    ASSERT_TRUE(must(queue.pop(b)));
    must(queue.push_used(b, 0));
    must(queue.push_used(a, 0));
    EXPECT_EQ(driver.take_used()->head, second);
    EXPECT_EQ(driver.take_used()->head, first);
}

TEST_F(QueueTest, SeveralChainsComeBackAtOnceInTheirOrder) {
    GuestDriver driver(ram);
    Queue queue = driver.make_queue();
    auto const first = driver.chain().writable(4).publish();
    auto const second = driver.chain().writable(8).publish();
    Chain a, b;
    ASSERT_TRUE(must(queue.pop(a)));
    ASSERT_TRUE(must(queue.pop(b)));
    Queue::Used const both[] = {{&a, 4}, {&b, 3}};
    must(queue.push_used(both));
    EXPECT_EQ(driver.used_index(), 2);
    auto const one = driver.take_used();
    auto const other = driver.take_used();
    EXPECT_EQ(one->head, first);
    EXPECT_EQ(one->len_bytes, 4u);
    EXPECT_EQ(other->head, second);
    EXPECT_EQ(other->len_bytes, 3u);
    EXPECT_TRUE(queue.take_interrupt());
    EXPECT_FALSE(queue.take_interrupt());
}

TEST_F(QueueTest, UndonePopComesAgain) {
    GuestDriver driver(ram);
    Queue queue = driver.make_queue();
    auto const head = driver.chain().readable("again").publish();
    ASSERT_TRUE(must(queue.pop(chain)));
    queue.undo_pop();
    ASSERT_TRUE(must(queue.pop(chain)));
    EXPECT_EQ(chain.head(), head);
    must(queue.push_used(chain, 0));
}

TEST_F(QueueTest, AvailableIndexJumpIsAFaultAndFinal) {
    for (uint16_t const jump : {uint16_t{9}, uint16_t{32768}, uint16_t{65535}}) {
        GuestDriver driver(ram);
        Queue queue = driver.make_queue();
        driver.raw_available_index(jump);
        EXPECT_STREQ(queue.pop(chain).error().rule, "available index jumped past the queue") << jump;
        driver.raw_available_index(0);
        driver.chain().readable("fine").publish();
        EXPECT_FALSE(queue.pop(chain).ok()) << "a fault is final";
        driver.raw_available_index(0);
    }
}

TEST_F(QueueTest, HeadPastTheTableIsAFault) {
    GuestDriver driver(ram);
    Queue queue = driver.make_queue();
    driver.raw_offer(8);
    EXPECT_STREQ(queue.pop(chain).error().rule, "available head past table");
}

TEST_F(QueueTest, HeadOfferedTwiceWhileInFlightIsAFault) {
    GuestDriver driver(ram);
    Queue queue = driver.make_queue();
    auto const head = driver.chain().readable("x").publish();
    ASSERT_TRUE(must(queue.pop(chain)));
    driver.raw_offer(head);
    Chain other;
    EXPECT_STREQ(queue.pop(other).error().rule, "available head is still in flight");
}

TEST_F(QueueTest, ScribblingOverTheUsedRingChangesNothing) {
    GuestDriver driver(ram);
    Queue queue = driver.make_queue();
    driver.chain().readable("a").publish();
    must(must(ram.slice(driver.layout().device_area, 70))
             .write_bytes(0, std::vector<std::byte>(70, std::byte{0xff})));
    pop_and_push(queue);
    EXPECT_EQ(driver.used_index(), 1);
}

TEST_F(QueueTest, InterruptIsWantedOnceForWhatWasPushed) {
    GuestDriver driver(ram);
    Queue queue = driver.make_queue();
    EXPECT_FALSE(queue.take_interrupt());
    driver.chain().readable("a").publish();
    pop_and_push(queue);
    EXPECT_TRUE(queue.take_interrupt());
    EXPECT_FALSE(queue.take_interrupt());
}

TEST_F(QueueTest, NoInterruptFlagSilencesTheDevice) {
    GuestDriver driver(ram);
    Queue queue = driver.make_queue();
    driver.set_no_interrupt(true);
    driver.chain().readable("a").publish();
    pop_and_push(queue);
    EXPECT_FALSE(queue.take_interrupt());
}

TEST_F(QueueTest, UsedEventDelaysTheInterruptUntilItsIndexIsPassed) {
    GuestDriver driver(ram, {.event_idx = true});
    Queue queue = driver.make_queue();
    driver.set_used_event(1);  // interrupt when used entry 1 is written (§2.7.7.1)
    driver.chain().readable("a").publish();
    driver.chain().readable("b").publish();
    pop_and_push(queue);
    EXPECT_FALSE(queue.take_interrupt());
    pop_and_push(queue);
    EXPECT_TRUE(queue.take_interrupt());
}

TEST_F(QueueTest, NewsIsOnlyWhatTheDriverAddedSinceTheLastLook) {
    GuestDriver driver(ram);
    Queue queue = driver.make_queue();
    EXPECT_FALSE(queue.take_news());
    driver.chain().readable("a").publish();
    EXPECT_TRUE(queue.take_news());
    EXPECT_FALSE(queue.take_news());
}

TEST_F(QueueTest, APolledQueueAsksForNoNotificationsUntilPollingEnds) {
    GuestDriver driver(ram, {.event_idx = true});
    Queue queue = driver.make_queue();
    driver.chain().readable("a").publish();
    queue.begin_polling();
    pop_and_push(queue);
    EXPECT_FALSE(must(queue.pop(chain)));
    EXPECT_EQ(driver.available_event(), 0);  // an index that is passed already
    EXPECT_FALSE(must(queue.end_polling()));
    EXPECT_EQ(driver.available_event(), 1);
}

TEST_F(QueueTest, WhatCameInBeforePollingEndedIsTold) {
    GuestDriver driver(ram, {.event_idx = true});
    Queue queue = driver.make_queue();
    queue.begin_polling();
    driver.chain().readable("a").publish();
    EXPECT_TRUE(must(queue.end_polling()));
    pop_and_push(queue);
    EXPECT_FALSE(must(queue.pop(chain)));
    EXPECT_EQ(driver.available_event(), 1);
}

TEST_F(QueueTest, ADriverThatMayLagNotifiesOfSeveralChainsAtOnce) {
    GuestDriver driver(ram, {.event_idx = true});
    Queue queue = driver.make_queue();
    queue.set_lag(3);
    driver.chain().readable("a").publish();
    pop_and_push(queue);
    EXPECT_FALSE(must(queue.pop(chain)));
    EXPECT_EQ(driver.available_event(), 4);  // entries 1, 2 and 3 may be filled in silence
    driver.chain().readable("b").publish();
    pop_and_push(queue);  // who looks finds it all the same
    queue.set_lag(0);
    EXPECT_FALSE(must(queue.end_polling()));
    EXPECT_EQ(driver.available_event(), 2);
}

TEST_F(QueueTest, PushOfAChainThatWasNotPoppedIsOurBug) {
    GuestDriver driver(ram);
    Queue queue = driver.make_queue();
    driver.chain().readable("a").publish();
    pop_and_push(queue);
    EXPECT_DEATH((void)queue.push_used(chain, 0), "push of a chain that was not popped");
}

}  // namespace
}  // namespace krun::vmm
