// SPDX-License-Identifier: Apache-2.0
// The device's connections: opening, data, half-closes, one-shot ports, reset. Streams that the host opens
// are in vsock_connect_test.cc.
#include "vmm/device/vsock.h"

#include <gtest/gtest.h>

#include "tests/vmm/device/vsock_fixture.h"

namespace krun::vmm {
namespace {

VsockOp op_of(std::optional<VsockGuest::Packet> const& packet) {
    return packet ? packet->op() : VsockOp{};
}

TEST_F(VsockTest, ConfigurationIsTheGuestsCidAndThenZeros) {
    std::array<std::byte, 12> config{};
    config.fill(std::byte{0xff});
    vsock_->read_config(0, config);
    EXPECT_EQ(config[0], std::byte{3});
    for (size_t i = 1; i < config.size(); ++i) EXPECT_EQ(config[i], std::byte{0}) << i;
    vsock_->read_config(0xffff'fff0, config);
    EXPECT_EQ(config[0], std::byte{0});
}

TEST_F(VsockTest, ResponseNamesThePortsTheOtherWayRoundAndOurWindow) {
    guest_->send(VsockOp::kRequest, kGuestPort, kDuplexPort);
    auto const answer = guest_->next();
    ASSERT_EQ(op_of(answer), VsockOp::kResponse);
    EXPECT_EQ(answer->header.src_cid, kHostCid);
    EXPECT_EQ(answer->header.dst_cid, kGuestCid);
    EXPECT_EQ(answer->header.src_port, kDuplexPort);
    EXPECT_EQ(answer->header.dst_port, kGuestPort);
    EXPECT_EQ(answer->header.type, kVsockStream);
    EXPECT_EQ(answer->header.buf_alloc, ReceiveWindow::kLargeBytes);
    EXPECT_EQ(answer->header.fwd_cnt, 0u);
}

TEST_F(VsockTest, DataFlowsBothWays) {
    ASSERT_TRUE(guest_->connect(kGuestPort, kDuplexPort));
    guest_->send_data(kGuestPort, kDuplexPort, "to the host");
    EXPECT_EQ(read_now(peer_), "to the host");
    write_to(peer_, "to the guest");
    auto const packet = guest_->wait_next();
    ASSERT_EQ(op_of(packet), VsockOp::kData);
    EXPECT_EQ(packet->data, "to the guest");
    EXPECT_EQ(packet->header.len, 12u);
    EXPECT_EQ(packet->header.fwd_cnt, 11u);
}

TEST_F(VsockTest, InputThatWaitsAlreadyIsSentAtOnce) {
    write_to(in_.second, "early");
    ASSERT_TRUE(guest_->connect(kGuestPort, kInPort));
    auto const packet = guest_->next();
    ASSERT_EQ(op_of(packet), VsockOp::kData);
    EXPECT_EQ(packet->data, "early");
}

TEST_F(VsockTest, EndOfHostInputIsAHalfCloseAfterTheData) {
    ASSERT_TRUE(guest_->connect(kGuestPort, kDuplexPort));
    write_to(peer_, "last words");
    ::shutdown(peer_.borrow().raw(), SHUT_WR);
    auto const data = guest_->wait_next();
    ASSERT_EQ(op_of(data), VsockOp::kData);
    auto const end = guest_->wait_next();
    ASSERT_EQ(op_of(end), VsockOp::kShutdown);
    EXPECT_EQ(end->header.flags, kNoMoreSend);
    guest_->send_data(kGuestPort, kDuplexPort, "still here");
    EXPECT_EQ(read_now(peer_), "still here");
}

TEST_F(VsockTest, GuestsHalfCloseIsEndOfFileForTheHost) {
    ASSERT_TRUE(guest_->connect(kGuestPort, kDuplexPort));
    guest_->send_data(kGuestPort, kDuplexPort, "x");
    guest_->send_shutdown(kGuestPort, kDuplexPort, kNoMoreSend);
    EXPECT_EQ(read_now(peer_), "x");
    EXPECT_EQ(read_now(peer_), "EOF");
    write_to(peer_, "reply");
    EXPECT_EQ(guest_->wait_next()->data, "reply");
}

TEST_F(VsockTest, OutputIsAcknowledgedByEndOfFileWhenDelivered) {
    ASSERT_TRUE(guest_->connect(kGuestPort, kOutPort));
    guest_->send_data(kGuestPort, kOutPort, "output");
    EXPECT_EQ(guest_->next(), std::nullopt);
    guest_->send_shutdown(kGuestPort, kOutPort, kNoMoreSend);
    EXPECT_EQ(read_now(out_.first), "output");
    EXPECT_EQ(read_now(out_.first), "EOF");
    auto const end = guest_->next();
    ASSERT_EQ(op_of(end), VsockOp::kShutdown);
    EXPECT_EQ(end->header.flags, kNoMoreSend | kNoMoreReceive);
    EXPECT_EQ(vsock_->connections(), 0u);
    EXPECT_EQ(read_now(done_.first), "EOF");
}

TEST_F(VsockTest, GuestThatClosesGetsRstAndTheHostEndOfFile) {
    ASSERT_TRUE(guest_->connect(kGuestPort, kDuplexPort));
    guest_->send_shutdown(kGuestPort, kDuplexPort, kNoMoreSend | kNoMoreReceive);
    EXPECT_EQ(op_of(guest_->next()), VsockOp::kReset);
    EXPECT_EQ(read_now(peer_), "EOF");
    EXPECT_EQ(vsock_->connections(), 0u);
}

TEST_F(VsockTest, RstOfTheGuestClosesBothEnds) {
    ASSERT_TRUE(guest_->connect(kGuestPort, kDuplexPort));
    guest_->send(VsockOp::kReset, kGuestPort, kDuplexPort);
    EXPECT_EQ(read_now(peer_), "EOF");
    EXPECT_EQ(guest_->next(), std::nullopt) << "a RST is not answered";
    EXPECT_EQ(vsock_->connections(), 0u);
}

TEST_F(VsockTest, ReaderThatGoesAwayIsToldToTheGuest) {
    ASSERT_TRUE(guest_->connect(kGuestPort, kOutPort));
    out_.first.reset();
    guest_->send_data(kGuestPort, kOutPort, "nobody wants this");  // would be death by SIGPIPE
    auto const end = guest_->next();
    ASSERT_EQ(op_of(end), VsockOp::kShutdown);
    EXPECT_EQ(end->header.flags & kNoMoreReceive, kNoMoreReceive);
    EXPECT_EQ(vsock_->connections(), 0u);
}

TEST_F(VsockTest, PeerThatGoesAwayEndsBothDirections) {
    ASSERT_TRUE(guest_->connect(kGuestPort, kDuplexPort));
    peer_.reset();
    EXPECT_EQ(guest_->wait_next()->header.flags, kNoMoreSend);
    guest_->send_data(kGuestPort, kDuplexPort, "x");
    EXPECT_EQ(guest_->next()->header.flags, kNoMoreSend | kNoMoreReceive);
    EXPECT_EQ(vsock_->connections(), 0u);
}

TEST_F(VsockTest, SecondConnectToAOneShotPortIsReset) {
    ASSERT_TRUE(guest_->connect(kGuestPort, kOncePort));
    EXPECT_FALSE(guest_->connect(kGuestPort + 1, kOncePort));
    guest_->send(VsockOp::kReset, kGuestPort, kOncePort);
    EXPECT_EQ(vsock_->connections(), 0u);
    EXPECT_FALSE(guest_->connect(kGuestPort + 2, kOncePort)) << "also after the first has ended";
    guest_->restart();
    EXPECT_FALSE(guest_->connect(kGuestPort, kOncePort)) << "also after a reset of the device";
}

TEST_F(VsockTest, OtherPortsMayBeConnectedToAgain) {
    ASSERT_TRUE(guest_->connect(kGuestPort, kDuplexPort));
    ASSERT_TRUE(guest_->connect(kGuestPort + 1, kDuplexPort));
    EXPECT_EQ(vsock_->connections(), 2u);
}

TEST_F(VsockTest, PortWhoseConnectFailsIsReset) {
    guest_->send(VsockOp::kRequest, kGuestPort, kBrokenPort);
    EXPECT_EQ(op_of(guest_->next()), VsockOp::kReset);
    EXPECT_EQ(vsock_->connections(), 0u);
}

TEST_F(VsockTest, ResetClosesEveryDescriptor) {
    ASSERT_TRUE(guest_->connect(kGuestPort, kDuplexPort));
    guest_->restart();
    EXPECT_EQ(read_now(peer_), "EOF");
    EXPECT_EQ(vsock_->connections(), 0u);
    ASSERT_TRUE(guest_->connect(kGuestPort, kDuplexPort));
    guest_->send_data(kGuestPort, kDuplexPort, "again");
    EXPECT_EQ(read_now(peer_), "again");
}

}  // namespace
}  // namespace krun::vmm
