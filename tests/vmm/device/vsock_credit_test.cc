// SPDX-License-Identifier: Apache-2.0
#include "vmm/device/vsock_credit.h"

#include <gtest/gtest.h>

namespace krun::vmm {
namespace {

TEST(SendCredit, IsThePeersBufferLessWhatIsInFlight) {
    SendCredit credit;
    EXPECT_EQ(credit.available(), 0u);
    credit.peer_says(1000, 0);
    credit.sent(300);
    EXPECT_EQ(credit.available(), 700u);
    credit.peer_says(1000, 300);
    EXPECT_EQ(credit.available(), 1000u);
}

TEST(SendCredit, BufferShrunkBelowWhatIsInFlightIsZeroCredit) {
    SendCredit credit;
    credit.peer_says(1000, 0);
    credit.sent(800);
    credit.peer_says(100, 0);
    EXPECT_EQ(credit.available(), 0u);
}

TEST(SendCredit, MoreForwardedThanWasSentIsZeroCredit) {
    SendCredit credit;
    credit.peer_says(UINT32_MAX, 0);
    credit.sent(10);
    credit.peer_says(1000, 11);
    EXPECT_EQ(credit.available(), 0u);
}

TEST(SendCredit, CountersMayWrap) {
    SendCredit credit;
    credit.sent(UINT32_MAX - 4);
    credit.peer_says(100, UINT32_MAX - 4);
    credit.sent(10);  // the counter is 5 now
    EXPECT_EQ(credit.available(), 90u);
    credit.peer_says(100, 5);
    EXPECT_EQ(credit.available(), 100u);
}

TEST(ReceiveWindow, TakesAWindowAndNotAByteMore) {
    ReceiveWindow window(ReceiveWindow::kLargeBytes);
    EXPECT_TRUE(window.received(ReceiveWindow::kLargeBytes));
    EXPECT_FALSE(window.received(1));
    EXPECT_EQ(window.held(), ReceiveWindow::kLargeBytes);
    EXPECT_TRUE(window.received(0));
}

TEST(ReceiveWindow, HugeLengthIsRefusedWithoutWrapping) {
    ReceiveWindow window(ReceiveWindow::kLargeBytes);
    EXPECT_TRUE(window.received(1));
    EXPECT_FALSE(window.received(UINT32_MAX));
    EXPECT_EQ(window.held(), 1u);
}

TEST(ReceiveWindow, UpdateIsDueOnceHalfOfItWasFreed) {
    ReceiveWindow window(ReceiveWindow::kLargeBytes);
    ASSERT_TRUE(window.received(ReceiveWindow::kLargeBytes));
    window.forward(ReceiveWindow::kLargeBytes / 2 - 1);
    EXPECT_FALSE(window.update_due());
    window.forward(1);
    EXPECT_TRUE(window.update_due());
    window.told();
    EXPECT_FALSE(window.update_due());
}

TEST(ReceiveWindow, FullWindowPassedOnIsAlwaysTold) {
    // Otherwise a guest that has used up its credit would wait for ever.
    ReceiveWindow window(ReceiveWindow::kLargeBytes);
    for (uint64_t total = 0; total < uint64_t{5} << 30; total += ReceiveWindow::kLargeBytes) {
        ASSERT_TRUE(window.received(ReceiveWindow::kLargeBytes)) << "past 2^32 as well";
        window.forward(ReceiveWindow::kLargeBytes);
        ASSERT_TRUE(window.update_due());
        window.told();
    }
}

TEST(ReceiveWindow, SmallOneIsToldByItsOwnHalf) {
    ReceiveWindow window(ReceiveWindow::kSmallBytes);
    EXPECT_FALSE(window.received(ReceiveWindow::kSmallBytes + 1));
    ASSERT_TRUE(window.received(ReceiveWindow::kSmallBytes));
    window.forward(ReceiveWindow::kSmallBytes / 2);
    EXPECT_TRUE(window.update_due());
}

TEST(WindowBudget, LargeWindowsRunOutAndComeBack) {
    WindowBudget budget;
    for (uint32_t i = 0; i < WindowBudget::kLargeWindows; ++i)
        ASSERT_EQ(budget.take(), ReceiveWindow::kLargeBytes);
    EXPECT_EQ(budget.take(), ReceiveWindow::kSmallBytes);
    budget.give_back(ReceiveWindow::kSmallBytes);
    EXPECT_EQ(budget.take(), ReceiveWindow::kSmallBytes) << "only a large one makes room for a large one";
    budget.give_back(ReceiveWindow::kLargeBytes);
    EXPECT_EQ(budget.take(), ReceiveWindow::kLargeBytes);
}

}  // namespace
}  // namespace krun::vmm
