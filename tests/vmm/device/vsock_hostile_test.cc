// SPDX-License-Identifier: Apache-2.0
// Guests that break the rules: packet shapes, credit, addressing, floods. Each costs the guest its packet or
// its connection, and us nothing that grows.
#include <gtest/gtest.h>

#include <string>

#include "tests/vmm/device/vsock_fixture.h"

namespace krun::vmm {
namespace {

VsockOp op_of(std::optional<VsockGuest::Packet> const& packet) {
    return packet ? packet->op() : VsockOp{};
}
std::string bytes_of(VsockHeader const& header) {
    return {reinterpret_cast<char const*>(&header), sizeof header};
}

// --- packet shapes -------------------------------------------------------------------------------------

TEST_F(VsockTest, HeaderInOneByteDescriptorsIsUnderstood) {
    ASSERT_TRUE(guest_->connect(kGuestPort, kDuplexPort));
    std::string const packet = bytes_of(guest_->header(VsockOp::kData, kGuestPort, kDuplexPort, 3)) + "abc";
    auto chain = guest_->rig().driver(1).chain();
    for (char const c : packet) chain.readable({&c, 1});
    chain.publish();
    guest_->notify_tx();
    EXPECT_EQ(read_now(peer_), "abc");
}

TEST_F(VsockTest, ReceiveBufferInOneByteDescriptorsIsFilled) {
    guest_ = nullptr;  // another driver takes the device over
    VsockGuest guest(*vsock_, 0);
    auto chain = guest.rig().driver(0).chain();
    for (size_t i = 0; i < sizeof(VsockHeader) + 5; ++i) chain.writable(1);
    chain.publish();
    guest.send(VsockOp::kRequest, kGuestPort, kBrokenPort);
    auto const used = guest.rig().driver(0).take_used();
    ASSERT_TRUE(used);
    ASSERT_EQ(used->data.size(), sizeof(VsockHeader));
    EXPECT_EQ(used->data.substr(0, 8), std::string("\2\0\0\0\0\0\0\0", 8));
}

TEST_F(VsockTest, PacketShorterThanAHeaderIsDroppedAndReturned) {
    std::string const request = bytes_of(guest_->header(VsockOp::kRequest, kGuestPort, kDuplexPort));
    for (size_t len = 1; len < sizeof(VsockHeader); ++len) {
        guest_->rig().driver(1).chain().readable(std::string_view(request).substr(0, len)).publish();
        guest_->notify_tx();
    }
    guest_->rig().driver(1).chain().writable(64).publish();
    guest_->notify_tx();
    EXPECT_EQ(guest_->tx_returned, sizeof(VsockHeader));
    EXPECT_EQ(guest_->next(), std::nullopt);
    EXPECT_EQ(vsock_->connections(), 0u);
    EXPECT_EQ(guest_->rig().broken_rule(), "");
}

TEST_F(VsockTest, LengthBeyondTheDescriptorsResetsTheConnection) {
    for (uint32_t const claimed : {4u, 65536u, 0x7fff'ffffu, 0xffff'ffffu}) {
        ASSERT_TRUE(guest_->connect(kGuestPort, kDuplexPort));
        guest_->send(guest_->header(VsockOp::kData, kGuestPort, kDuplexPort, claimed), "abc");
        EXPECT_EQ(op_of(guest_->next()), VsockOp::kReset) << claimed;
        EXPECT_EQ(read_now(peer_), "EOF") << claimed;
    }
}

TEST_F(VsockTest, LengthShortOfTheDescriptorsCountsAlone) {
    ASSERT_TRUE(guest_->connect(kGuestPort, kDuplexPort));
    guest_->send(guest_->header(VsockOp::kData, kGuestPort, kDuplexPort, 2), "abcdef");
    EXPECT_EQ(read_now(peer_), "ab");
}

TEST_F(VsockTest, DataOfNoBytesIsNoEndOfFile) {
    ASSERT_TRUE(guest_->connect(kGuestPort, kDuplexPort));
    guest_->send_data(kGuestPort, kDuplexPort, "");
    EXPECT_EQ(read_now(peer_), "");
    guest_->send_data(kGuestPort, kDuplexPort, "x");
    EXPECT_EQ(read_now(peer_), "x");
}

TEST_F(VsockTest, ReceiveBufferWithoutRoomForDataComesBackUnused) {
    guest_ = nullptr;  // another driver takes the device over
    VsockGuest guest(*vsock_, 0);
    guest.auto_refill = false;
    guest.send(VsockOp::kRequest, kGuestPort, kDuplexPort);
    guest.offer_rx(sizeof(VsockHeader));
    auto const used = guest.rig().driver(0).take_used();
    ASSERT_TRUE(used);
    EXPECT_EQ(used->len_bytes, 0u);
    guest.offer_rx();
    EXPECT_EQ(op_of(guest.next()), VsockOp::kResponse);
}

// --- credit --------------------------------------------------------------------------------------------

TEST_F(VsockTest, GuestWithoutCreditGetsNoDataUntilItGrantsSome) {
    guest_->buf_alloc = 0;
    ASSERT_TRUE(guest_->connect(kGuestPort, kInPort));
    write_to(in_.second, "secret");
    guest_->rig().turn();
    EXPECT_EQ(guest_->next(), std::nullopt);
    guest_->buf_alloc = 3;
    guest_->send(VsockOp::kCreditUpdate, kGuestPort, kInPort);
    EXPECT_EQ(guest_->next()->data, "sec");
    EXPECT_EQ(guest_->next(), std::nullopt);
    guest_->send(VsockOp::kCreditUpdate, kGuestPort, kInPort);  // has read those three
    EXPECT_EQ(guest_->next()->data, "ret");
}

TEST_F(VsockTest, BufferShrunkBelowWhatIsInFlightStopsTheData) {
    guest_->auto_credit = false;
    guest_->buf_alloc = 100;
    ASSERT_TRUE(guest_->connect(kGuestPort, kInPort));
    write_to(in_.second, std::string(80, 'x'));
    EXPECT_EQ(guest_->wait_next()->data.size(), 80u);
    guest_->buf_alloc = 10;
    guest_->send(VsockOp::kCreditUpdate, kGuestPort, kInPort);
    write_to(in_.second, std::string(5000, 'y'));
    guest_->rig().turn();
    EXPECT_EQ(guest_->next(), std::nullopt);
}

TEST_F(VsockTest, MoreForwardedThanWasEverSentIsNoCredit) {
    guest_->auto_credit = false;
    guest_->buf_alloc = 100;
    ASSERT_TRUE(guest_->connect(kGuestPort, kInPort));
    guest_->fwd_cnt = 1;
    guest_->send(VsockOp::kCreditUpdate, kGuestPort, kInPort);
    write_to(in_.second, "x");
    guest_->rig().turn();
    EXPECT_EQ(guest_->next(), std::nullopt);
}

TEST_F(VsockTest, DataBeyondTheWindowIsResetAndNotKept) {
    ASSERT_TRUE(guest_->connect(kGuestPort, kOutPort));
    std::string const packet(64 * 1024, 'x');
    // The pipe takes the first; then a window's worth may wait.
    for (size_t i = 0; i < 1 + ReceiveWindow::kLargeBytes / packet.size(); ++i)
        guest_->send_data(kGuestPort, kOutPort, packet);
    EXPECT_EQ(guest_->next(), std::nullopt);
    guest_->send_data(kGuestPort, kOutPort, "x");
    EXPECT_EQ(op_of(guest_->next()), VsockOp::kReset);
}

TEST_F(VsockTest, CreditStormIsAnsweredOnce) {
    ASSERT_TRUE(guest_->connect(kGuestPort, kDuplexPort));
    guest_->auto_refill = false;
    auto const request = bytes_of(guest_->header(VsockOp::kCreditRequest, kGuestPort, kDuplexPort));
    for (int i = 0; i < 100; ++i) guest_->rig().driver(1).chain().readable(request).publish();
    guest_->notify_tx();
    EXPECT_EQ(op_of(guest_->next()), VsockOp::kCreditUpdate);
    EXPECT_EQ(guest_->next(), std::nullopt);
}

// --- addressing ----------------------------------------------------------------------------------------

TEST_F(VsockTest, UnknownPortIsReset) {
    for (uint32_t const port : {0u, 1u, 22u, 0xffff'ffffu}) {
        guest_->send(VsockOp::kRequest, kGuestPort, port);
        auto const answer = guest_->next();
        ASSERT_EQ(op_of(answer), VsockOp::kReset) << port;
        EXPECT_EQ(answer->header.src_port, port);
        EXPECT_EQ(answer->header.dst_port, kGuestPort);
    }
}

TEST_F(VsockTest, ForgedSourceIsDroppedInSilence) {
    for (uint64_t const cid : {uint64_t{0}, uint64_t{1}, kHostCid, uint64_t{4}, uint64_t{0xffff'ffff},
                               kGuestCid | uint64_t{1} << 32, ~uint64_t{0}}) {
        auto h = guest_->header(VsockOp::kRequest, kGuestPort, kDuplexPort);
        h.src_cid = cid;
        guest_->send(h);
        EXPECT_EQ(guest_->next(), std::nullopt) << cid;
    }
    EXPECT_EQ(vsock_->connections(), 0u);
}

TEST_F(VsockTest, DestinationThatIsNotTheHostIsDropped) {
    for (uint64_t const cid : {uint64_t{0}, uint64_t{1}, kGuestCid, uint64_t{0xffff'ffff}, ~uint64_t{0}}) {
        auto h = guest_->header(VsockOp::kRequest, kGuestPort, kDuplexPort);
        h.dst_cid = cid;
        guest_->send(h);
        EXPECT_EQ(guest_->next(), std::nullopt) << cid;
    }
    EXPECT_EQ(vsock_->connections(), 0u);
}

TEST_F(VsockTest, TypeOtherThanStreamIsResetInItsOwnType) {
    for (uint16_t const type : std::initializer_list<uint16_t>{0, 2, 3, 65535}) {
        auto h = guest_->header(VsockOp::kRequest, kGuestPort, kDuplexPort);
        h.type = type;
        guest_->send(h);
        auto const answer = guest_->next();
        ASSERT_EQ(op_of(answer), VsockOp::kReset) << type;
        EXPECT_EQ(answer->header.type, type);
    }
    EXPECT_EQ(vsock_->connections(), 0u);
}

TEST_F(VsockTest, UnknownOperationWithoutConnectionIsReset) {
    for (uint16_t const op : std::initializer_list<uint16_t>{0, 2, 4, 5, 7, 8, 65535}) {
        auto h = guest_->header(VsockOp::kData, kGuestPort, kDuplexPort);
        h.op = op;
        guest_->send(h);
        EXPECT_EQ(op_of(guest_->next()), VsockOp::kReset) << op;
    }
}

TEST_F(VsockTest, RstAndCreditUpdateWithoutConnectionAreIgnored) {
    for (int i = 0; i < 1000; ++i) {
        guest_->send(VsockOp::kReset, kGuestPort, kDuplexPort);
        guest_->send(VsockOp::kCreditUpdate, kGuestPort, kDuplexPort);
    }
    EXPECT_EQ(guest_->next(), std::nullopt);
}

TEST_F(VsockTest, SecondRequestOnAnOpenConnectionResetsIt) {
    ASSERT_TRUE(guest_->connect(kGuestPort, kDuplexPort));
    guest_->send(VsockOp::kRequest, kGuestPort, kDuplexPort);
    EXPECT_EQ(op_of(guest_->next()), VsockOp::kReset);
    EXPECT_EQ(read_now(peer_), "EOF");
    EXPECT_EQ(vsock_->connections(), 0u);
}

TEST_F(VsockTest, DataAfterShutdownResetsTheConnection) {
    ASSERT_TRUE(guest_->connect(kGuestPort, kDuplexPort));
    guest_->send_shutdown(kGuestPort, kDuplexPort, kNoMoreSend);
    guest_->send_data(kGuestPort, kDuplexPort, "x");
    EXPECT_EQ(op_of(guest_->next()), VsockOp::kReset);
    EXPECT_EQ(read_now(peer_), "EOF");
}

TEST_F(VsockTest, DataAfterRstMeetsNoConnection) {
    ASSERT_TRUE(guest_->connect(kGuestPort, kDuplexPort));
    guest_->send(VsockOp::kReset, kGuestPort, kDuplexPort);
    guest_->send_data(kGuestPort, kDuplexPort, "x");
    EXPECT_EQ(op_of(guest_->next()), VsockOp::kReset);
    EXPECT_EQ(read_now(peer_), "EOF");
}

// --- floods --------------------------------------------------------------------------------------------

TEST_F(VsockTest, ConnectFloodStopsAtTheCap) {
    size_t accepted = 0;
    for (uint32_t port = 0; port < 3 * Vsock::kMaxGuestConnections; ++port) {
        if (guest_->connect(kGuestPort + port, kDuplexPort)) ++accepted;
    }
    EXPECT_EQ(accepted, Vsock::kMaxGuestConnections);
    EXPECT_EQ(vsock_->connections(), Vsock::kMaxGuestConnections);
    guest_->send(VsockOp::kReset, kGuestPort, kDuplexPort);
    EXPECT_TRUE(guest_->connect(kGuestPort, kDuplexPort)) << "a free place is a free place";
}

TEST_F(VsockTest, RefusalsWithoutReceiveBuffersStopTheTransmitQueueUntilThereAreSome) {
    guest_ = nullptr;  // another driver takes the device over
    VsockGuest guest(*vsock_, 0);
    guest.auto_refill = false;
    auto const request = bytes_of(guest.header(VsockOp::kRequest, kGuestPort, 22));
    for (int i = 0; i < 100; ++i) guest.rig().driver(1).chain().readable(request).publish();
    guest.notify_tx();
    EXPECT_LT(guest.tx_returned, 100u) << "what is refused has to be kept until it can be said";
    size_t answers = 0;
    for (int i = 0; i < 200; ++i) {
        guest.offer_rx();
        while (guest.next()) ++answers;
    }
    guest.notify_tx();
    EXPECT_EQ(guest.tx_returned, 100u);
    EXPECT_EQ(answers, 100u);
}

TEST_F(VsockTest, EventQueueIsLeftAlone) {
    guest_->rig().driver(2).chain().writable(8).publish();
    guest_->rig().kick(2);
    EXPECT_EQ(guest_->rig().driver(2).take_used(), std::nullopt);
    EXPECT_EQ(guest_->rig().broken_rule(), "");
}

}  // namespace
}  // namespace krun::vmm
