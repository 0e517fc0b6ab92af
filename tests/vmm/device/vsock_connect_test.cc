// SPDX-License-Identifier: Apache-2.0
// Streams that the host opens: ports of its choice, refusals, limits, both ways at once with the guest's own.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include "tests/vmm/device/vsock_fixture.h"
#include "vmm/device/vsock.h"

namespace krun::vmm {
namespace {

constexpr uint32_t kListener = 27507;            // in the guest
constexpr uint32_t kHostPort = 0x1000'0000 + 5;  // the host's choice

VsockOp op_of(std::optional<VsockGuest::Packet> const& packet) {
    return packet ? packet->op() : VsockOp{};
}

class VsockConnectTest : public VsockTest {
protected:
    // Ends that carry nothing; the returned descriptor hangs up when the device has let go of them.
    static std::pair<StreamEnds, UniqueFd> silent_ends() {
        auto [read_end, write_end] = must(make_pipe());
        return {StreamEnds{{}, {}, std::move(write_end)}, std::move(read_end)};
    }
    // Opens a duplex stream that the guest accepts; the host's half is peer_.
    void open_duplex(uint32_t host_port) {
        vsock_->connect(host_port, kListener, must(duplex_ends()));
        ASSERT_EQ(op_of(guest_->wait_next()), VsockOp::kRequest);
        guest_->send(VsockOp::kResponse, kListener, host_port);
    }
    bool let_go(UniqueFd const& done) {
        return guest_->rig().turn_until([&] { return read_now(done) == "EOF"; }, 20);
    }
};

TEST_F(VsockConnectTest, RequestNamesBothPortsThatTheHostChose) {
    vsock_->connect(kHostPort, kListener, must(duplex_ends()));
    auto const request = guest_->wait_next();
    ASSERT_EQ(op_of(request), VsockOp::kRequest);
    EXPECT_EQ(request->header.src_port, kHostPort);
    EXPECT_EQ(request->header.dst_port, kListener);
    write_to(peer_, "exec");
    guest_->rig().turn();
    EXPECT_EQ(guest_->next(), std::nullopt) << "not before the guest has accepted";
    guest_->send(VsockOp::kResponse, kListener, kHostPort);
    EXPECT_EQ(guest_->wait_next()->data, "exec");
    guest_->send_data(kListener, kHostPort, "done");
    EXPECT_EQ(read_now(peer_), "done");
}

TEST_F(VsockConnectTest, StreamThatTheGuestRefusesIsClosed) {
    auto [ends, done] = silent_ends();
    vsock_->connect(kHostPort, kListener, std::move(ends));
    ASSERT_EQ(op_of(guest_->wait_next()), VsockOp::kRequest);
    EXPECT_EQ(read_now(done), "");
    guest_->send(VsockOp::kReset, kListener, kHostPort);
    EXPECT_EQ(read_now(done), "EOF");
    EXPECT_EQ(vsock_->connections(), 0u);
}

TEST_F(VsockConnectTest, PairOfPortsInUseClosesTheSecondStreamAndLeavesTheFirst) {
    open_duplex(kHostPort);
    auto [ends, done] = silent_ends();
    vsock_->connect(kHostPort, kListener, std::move(ends));
    EXPECT_TRUE(let_go(done));
    EXPECT_EQ(guest_->next(), std::nullopt);
    guest_->send_data(kListener, kHostPort, "first");
    EXPECT_EQ(read_now(peer_), "first");
}

TEST_F(VsockConnectTest, PortsAreFreeAgainAfterTheStreamHasEnded) {
    open_duplex(kHostPort);
    guest_->send(VsockOp::kReset, kListener, kHostPort);
    open_duplex(kHostPort);
    guest_->send_data(kListener, kHostPort, "second");
    EXPECT_EQ(read_now(peer_), "second");
}

TEST_F(VsockConnectTest, StreamsOfOneListenerAreToldApartByTheHostsPort) {
    open_duplex(kHostPort);
    auto const first = std::move(peer_);
    open_duplex(kHostPort + 1);
    guest_->send_data(kListener, kHostPort, "a");
    guest_->send_data(kListener, kHostPort + 1, "b");
    EXPECT_EQ(read_now(first), "a");
    EXPECT_EQ(read_now(peer_), "b");
}

TEST_F(VsockConnectTest, StreamOpenedBeforeTheDriverIsUpIsKept) {
    guest_.reset();
    vsock_->connect(kHostPort, kListener, must(duplex_ends()));
    guest_ = std::make_unique<VsockGuest>(*vsock_);
    auto const request = guest_->wait_next();
    ASSERT_EQ(op_of(request), VsockOp::kRequest);
    EXPECT_EQ(request->header.src_port, kHostPort);
}

TEST_F(VsockConnectTest, ReaderThatGoesAwayIsToldToTheGuest) {
    auto [read_end, write_end] = must(make_pipe());
    auto [done_read, done_write] = must(make_pipe());
    vsock_->connect(kHostPort, kListener, {{}, std::move(write_end), std::move(done_write)});
    ASSERT_EQ(op_of(guest_->wait_next()), VsockOp::kRequest);
    guest_->send(VsockOp::kResponse, kListener, kHostPort);
    read_end.reset();
    guest_->send_data(kListener, kHostPort, "nobody wants this");
    auto const end = guest_->next();
    ASSERT_EQ(op_of(end), VsockOp::kShutdown);
    EXPECT_EQ(end->header.flags & kNoMoreReceive, kNoMoreReceive) << "its writers get EPIPE";
    EXPECT_EQ(read_now(done_read), "EOF");
}

// --- limits --------------------------------------------------------------------------------------------

// One descriptor each.
void allow_descriptors(rlim_t count) {
    rlimit limit{};
    ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &limit), 0);
    if (limit.rlim_max < count) GTEST_SKIP() << "skipped: no more than " << limit.rlim_max << " descriptors";
    limit.rlim_cur = std::max(limit.rlim_cur, count);
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &limit), 0);
}

TEST_F(VsockConnectTest, ThousandStreamsAreOpenAtOnceAndTheNextIsClosed) {
    allow_descriptors(2 * Vsock::kMaxHostConnections + 200);
    if (IsSkipped()) return;
    std::vector<UniqueFd> done;
    uint64_t windows = 0;
    for (uint32_t i = 0; i < Vsock::kMaxHostConnections; ++i) {
        auto [ends, hang_up] = silent_ends();
        vsock_->connect(kHostPort + i, kListener, std::move(ends));
        auto const request = guest_->wait_next();
        ASSERT_EQ(op_of(request), VsockOp::kRequest);
        windows += request->header.buf_alloc;
        done.push_back(std::move(hang_up));
    }
    EXPECT_EQ(vsock_->connections(), Vsock::kMaxHostConnections);
    EXPECT_LE(windows, uint64_t{62} << 20) << "all that they could make us keep";
    auto [ends, hang_up] = silent_ends();
    vsock_->connect(kHostPort + Vsock::kMaxHostConnections, kListener, std::move(ends));
    EXPECT_TRUE(let_go(hang_up));
    guest_->send(VsockOp::kReset, kListener, kHostPort);
    EXPECT_TRUE(let_go(done[0]));
    open_duplex(kHostPort);
}

TEST_F(VsockConnectTest, GuestThatConnectsAsOftenAsItCanTakesNothingFromTheHost) {
    std::vector<UniqueFd> peers;  // open, so that the connections stay
    for (uint32_t port = 0; port < 2 * Vsock::kMaxGuestConnections; ++port) {
        guest_->connect(kGuestPort + port, kDuplexPort);
        peers.push_back(std::move(peer_));
    }
    EXPECT_EQ(vsock_->connections(), Vsock::kMaxGuestConnections);
    open_duplex(kHostPort);
    guest_->send_data(kListener, kHostPort, "through");
    EXPECT_EQ(read_now(peer_), "through");
}

TEST_F(VsockConnectTest, StreamsOpenedWithoutADriverAreKeptUpToTheLimit) {
    allow_descriptors(2 * Vsock::kMaxHostConnections + 200);
    if (IsSkipped()) return;
    guest_.reset();
    std::vector<UniqueFd> done;
    for (uint32_t i = 0; i < Vsock::kMaxHostConnections; ++i) {
        auto [ends, hang_up] = silent_ends();
        vsock_->connect(kHostPort + i, kListener, std::move(ends));
        EXPECT_EQ(read_now(hang_up), "");
        done.push_back(std::move(hang_up));
    }
    auto [ends, hang_up] = silent_ends();
    vsock_->connect(kHostPort + Vsock::kMaxHostConnections, kListener, std::move(ends));
    EXPECT_EQ(read_now(hang_up), "EOF") << "though no device thread has looked";
}

}  // namespace
}  // namespace krun::vmm
