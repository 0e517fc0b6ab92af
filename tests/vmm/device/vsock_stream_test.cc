// SPDX-License-Identifier: Apache-2.0
#include "vmm/device/vsock_stream.h"

#include <gtest/gtest.h>

namespace krun::vmm {
namespace {

using Opener = VsockStream::Opener;
constexpr uint32_t kWindow = ReceiveWindow::kLargeBytes;
constexpr VsockStream::Directions kBoth{.to_guest = true, .to_host = true};
constexpr VsockStream::Directions kOutputOnly{.to_guest = false, .to_host = true};
constexpr VsockStream::Directions kInputOnly{.to_guest = true, .to_host = false};

VsockHeader packet(VsockOp op, uint32_t len = 0, uint32_t flags = 0) {
    VsockHeader h{};
    h.op = static_cast<uint16_t>(op);
    h.len = len;
    h.flags = flags;
    h.buf_alloc = 1000;
    return h;
}
// "" if nothing is owed.
std::string owed(VsockStream& s) {
    auto const control = s.take_control();
    if (!control) return "";
    switch (control->op) {
        case VsockOp::kRequest:
            return "REQUEST";
        case VsockOp::kResponse:
            return "RESPONSE";
        case VsockOp::kReset:
            return "RST";
        case VsockOp::kShutdown:
            return "SHUTDOWN " + std::to_string(control->flags);
        case VsockOp::kCreditUpdate:
            return "CREDIT";
        default:
            return "unexpected";
    }
}
VsockStream open_stream(VsockStream::Directions directions = kBoth) {
    VsockStream s(Opener::kGuest, directions, kWindow);
    EXPECT_FALSE(s.on_packet(packet(VsockOp::kRequest)));
    EXPECT_EQ(owed(s), "RESPONSE");
    return s;
}

TEST(VsockStream, GuestsRequestIsAnsweredAndBringsCredit) {
    VsockStream s(Opener::kGuest, kBoth, kWindow);
    s.on_packet(packet(VsockOp::kRequest));
    EXPECT_EQ(s.may_send(), 0u) << "not before the RESPONSE";
    EXPECT_EQ(owed(s), "RESPONSE");
    EXPECT_EQ(s.may_send(), 1000u);
    EXPECT_EQ(owed(s), "");
}

TEST(VsockStream, HostsRequestWaitsForTheResponse) {
    VsockStream s(Opener::kHost, kBoth, kWindow);
    EXPECT_EQ(owed(s), "REQUEST");
    EXPECT_EQ(owed(s), "");
    EXPECT_EQ(s.may_send(), 0u);
    s.on_packet(packet(VsockOp::kResponse));
    EXPECT_EQ(s.may_send(), 1000u);
}

TEST(VsockStream, DataBeforeTheResponseIsReset) {
    VsockStream s(Opener::kHost, kBoth, kWindow);
    owed(s);
    EXPECT_FALSE(s.on_packet(packet(VsockOp::kData, 5)));
    EXPECT_EQ(owed(s), "RST");
    EXPECT_TRUE(s.over());
}

TEST(VsockStream, OperationThatDoesNotFitAnOpenStreamIsReset) {
    for (uint16_t const op : std::initializer_list<uint16_t>{0, 1, 2, 8, 9, 255, 65535}) {
        VsockStream s = open_stream();
        VsockHeader h = packet(VsockOp::kData);
        h.op = op;
        EXPECT_FALSE(s.on_packet(h));
        EXPECT_EQ(owed(s), "RST") << op;
        EXPECT_TRUE(s.over()) << op;
    }
}

TEST(VsockStream, RstOfTheGuestEndsItWithoutAnAnswer) {
    VsockStream s = open_stream();
    s.on_packet(packet(VsockOp::kReset));
    EXPECT_TRUE(s.over());
    EXPECT_EQ(owed(s), "");
    EXPECT_EQ(s.may_send(), 0u);
    EXPECT_FALSE(s.on_packet(packet(VsockOp::kData, 1)));
}

TEST(VsockStream, DataWithinTheWindowIsDelivered) {
    VsockStream s = open_stream();
    EXPECT_TRUE(s.on_packet(packet(VsockOp::kData, kWindow)));
    EXPECT_EQ(owed(s), "");
    s.delivered(kWindow);
    EXPECT_EQ(owed(s), "CREDIT");
    VsockHeader h{};
    s.put_credit(h);
    EXPECT_EQ(h.buf_alloc, kWindow);
    EXPECT_EQ(h.fwd_cnt, kWindow);
    EXPECT_EQ(owed(s), "");
}

TEST(VsockStream, DataBeyondTheWindowIsReset) {
    VsockStream s = open_stream();
    EXPECT_TRUE(s.on_packet(packet(VsockOp::kData, kWindow)));
    EXPECT_FALSE(s.on_packet(packet(VsockOp::kData, 1)));
    EXPECT_EQ(owed(s), "RST");
}

TEST(VsockStream, CreditRequestIsAnsweredOnce) {
    VsockStream s = open_stream();
    for (int i = 0; i < 1000; ++i) s.on_packet(packet(VsockOp::kCreditRequest));
    EXPECT_EQ(owed(s), "CREDIT");
    EXPECT_EQ(owed(s), "");
}

TEST(VsockStream, EndOfTheHostsInputIsAHalfClose) {
    VsockStream s = open_stream();
    s.source_ended();
    EXPECT_EQ(owed(s), "SHUTDOWN 2");
    EXPECT_EQ(s.may_send(), 0u);
    EXPECT_TRUE(s.on_packet(packet(VsockOp::kData, 7))) << "the guest may go on";
    EXPECT_EQ(owed(s), "");
}

TEST(VsockStream, BothHalvesClosedEndsIt) {
    VsockStream s = open_stream();
    s.source_ended();
    owed(s);
    s.on_packet(packet(VsockOp::kShutdown, 0, kNoMoreSend));
    EXPECT_EQ(owed(s), "") << "not before everything is delivered";
    s.sink_finished();
    EXPECT_EQ(owed(s), "SHUTDOWN 3");
    EXPECT_TRUE(s.over());
}

TEST(VsockStream, GuestThatClosedGetsRstOnceItsDataIsDelivered) {
    VsockStream s = open_stream();
    EXPECT_TRUE(s.on_packet(packet(VsockOp::kData, 100)));
    s.on_packet(packet(VsockOp::kShutdown, 0, kNoMoreSend | kNoMoreReceive));
    EXPECT_FALSE(s.guest_reads());
    EXPECT_EQ(owed(s), "");
    s.delivered(100);
    s.sink_finished();
    EXPECT_EQ(owed(s), "RST");
    EXPECT_TRUE(s.over());
}

TEST(VsockStream, DataAfterShutdownIsReset) {
    VsockStream s = open_stream();
    s.on_packet(packet(VsockOp::kShutdown, 0, kNoMoreSend));
    EXPECT_FALSE(s.on_packet(packet(VsockOp::kData, 1)));
    EXPECT_EQ(owed(s), "RST");
}

TEST(VsockStream, ShutdownWithoutFlagsChangesNothing) {
    VsockStream s = open_stream();
    s.on_packet(packet(VsockOp::kShutdown, 0, 0));
    EXPECT_TRUE(s.guest_sends());
    EXPECT_TRUE(s.guest_reads());
    EXPECT_EQ(owed(s), "");
}

TEST(VsockStream, ReaderThatWentAwayIsToldToTheGuest) {
    VsockStream s = open_stream();
    EXPECT_TRUE(s.on_packet(packet(VsockOp::kData, 100)));
    s.sink_gone();
    EXPECT_EQ(owed(s), "SHUTDOWN 1");
    EXPECT_FALSE(s.on_packet(packet(VsockOp::kData, 100))) << "on its way already: not for delivery";
    EXPECT_EQ(owed(s), "");
    EXPECT_EQ(s.may_send(), 1000u) << "the other direction lives";
}

TEST(VsockStream, OutputOnlyEndsWhenDeliveredAndNotBefore) {
    VsockStream s = open_stream(kOutputOnly);
    EXPECT_EQ(owed(s), "") << "the missing input is no end-of-file yet";
    EXPECT_TRUE(s.on_packet(packet(VsockOp::kData, 10)));
    s.on_packet(packet(VsockOp::kShutdown, 0, kNoMoreSend));
    EXPECT_EQ(owed(s), "");
    s.delivered(10);
    s.sink_finished();
    EXPECT_EQ(owed(s), "SHUTDOWN 3");
    EXPECT_TRUE(s.over());
}

TEST(VsockStream, OutputOnlyWithoutReaderEndsAtOnce) {
    VsockStream s = open_stream(kOutputOnly);
    s.sink_gone();
    EXPECT_EQ(owed(s), "SHUTDOWN 3");
    EXPECT_TRUE(s.over());
}

TEST(VsockStream, InputOnlyIgnoresDataAndSaysSo) {
    VsockStream s = open_stream(kInputOnly);
    EXPECT_EQ(owed(s), "");
    EXPECT_FALSE(s.on_packet(packet(VsockOp::kData, 10)));
    EXPECT_EQ(owed(s), "SHUTDOWN 1");
    EXPECT_EQ(owed(s), "") << "once";
    s.source_ended();
    EXPECT_EQ(owed(s), "SHUTDOWN 3");
}

TEST(VsockStream, InputOnlyEndsWithItsSource) {
    VsockStream s = open_stream(kInputOnly);
    s.source_ended();
    EXPECT_EQ(owed(s), "SHUTDOWN 3");
    EXPECT_TRUE(s.over());
}

}  // namespace
}  // namespace krun::vmm
