// SPDX-License-Identifier: Apache-2.0
// Volume: every byte arrives once and in order, and nobody's slowness costs memory or another's progress.
#include <fcntl.h>
#include <gtest/gtest.h>

#include <functional>
#include <random>
#include <string>
#include <thread>

#include "tests/vmm/device/vsock_fixture.h"

namespace krun::vmm {
namespace {

constexpr size_t kVolume = 8 << 20;

std::string random_bytes(size_t size) {
    std::string out(size, '\0');
    std::mt19937_64 random(42);  // fixed: a failure repeats
    for (auto& c : out) c = static_cast<char>(random());
    return out;
}

// Sends `data` as a guest does: within its credit, at most 64 KiB a packet. `blocked` runs when there is
// none.
class Sender {
public:
    Sender(VsockGuest& guest, uint32_t host_port) : guest_(guest), host_port_(host_port) {}
    // Returns how much was sent before the credit was used up.
    size_t send(std::string_view data) {
        size_t done = 0;
        while (done < data.size()) {
            while (auto packet = guest_.next()) forwarded_ = packet->header.fwd_cnt;
            size_t const credit = ReceiveWindow::kLargeBytes - (sent_ - forwarded_);
            size_t const n = std::min({data.size() - done, credit, size_t{64 * 1024}});
            if (n == 0) break;
            guest_.send_data(kGuestPort, host_port_, data.substr(done, n));
            sent_ += static_cast<uint32_t>(n);
            done += n;
        }
        return done;
    }

private:
    VsockGuest& guest_;
    uint32_t host_port_;
    uint32_t sent_ = 0;
    uint32_t forwarded_ = 0;
};

// Of a message that is read in part the rest would be lost (recv(2), SOCK_SEQPACKET).
TEST_F(VsockTest, OneReadFillsSeveralBuffersOfTheGuest) {
    socket_type_ = SOCK_SEQPACKET;
    ASSERT_TRUE(guest_->connect(kGuestPort, kDuplexPort));
    std::string const message = random_bytes(50'000), last = random_bytes(20);
    write_to(peer_, message);
    write_to(peer_, last);
    std::string received;
    while (received.size() < message.size() + last.size()) {
        auto const packet = guest_->wait_next();
        ASSERT_TRUE(packet);
        EXPECT_LE(packet->data.size(), 4096u);
        received += packet->data;
    }
    EXPECT_EQ(received, message + last);
}

TEST_F(VsockTest, EightMebibytesToTheHostArriveUnchanged) {
    std::string const data = random_bytes(kVolume);
    ASSERT_TRUE(guest_->connect(kGuestPort, kOutPort));
    std::string received(kVolume, '\0');
    std::thread reader(
        [&] { must(read_full(out_.first.borrow(), std::as_writable_bytes(std::span(received)))); });
    Sender sender(*guest_, kOutPort);
    size_t sent = 0;
    while (sent < data.size()) {
        sent += sender.send(std::string_view(data).substr(sent));
        must(guest_->rig().loop().run_once(10));
    }
    // What the reader has not taken yet waits in the device.
    guest_->send_shutdown(kGuestPort, kOutPort, kNoMoreSend);
    EXPECT_TRUE(guest_->rig().turn_until([&] { return vsock_->connections() == 0; }));
    reader.join();
    EXPECT_TRUE(received == data);
    EXPECT_EQ(read_now(out_.first), "EOF");
}

TEST_F(VsockTest, EightMebibytesToTheGuestArriveUnchanged) {
    std::string const data = random_bytes(kVolume);
    ASSERT_TRUE(guest_->connect(kGuestPort, kInPort));
    std::thread writer([&] {
        must(write_full(in_.second.borrow(), data));
        in_.second.reset();
    });
    std::string received;
    std::optional<VsockGuest::Packet> packet;
    while ((packet = guest_->wait_next()) && packet->op() == VsockOp::kData) {
        received += packet->data;
        guest_->send(VsockOp::kCreditUpdate, kGuestPort, kInPort);
    }
    writer.join();
    ASSERT_TRUE(packet);
    EXPECT_EQ(packet->op(), VsockOp::kShutdown);
    EXPECT_TRUE(received == data);
}

TEST_F(VsockTest, FileAsInputIsReadToItsEnd) {
    std::string const data = random_bytes(300'000);
    auto file = must(make_memfd("input", 0));
    must(write_full(file.borrow(), data));
    ASSERT_EQ(::lseek(file.borrow().raw(), 0, SEEK_SET), 0);
    in_.first = std::move(file);
    ASSERT_TRUE(guest_->connect(kGuestPort, kInPort));
    std::string received;
    std::optional<VsockGuest::Packet> packet;
    while ((packet = guest_->wait_next()) && packet->op() == VsockOp::kData) {
        received += packet->data;
        guest_->send(VsockOp::kCreditUpdate, kGuestPort, kInPort);
    }
    ASSERT_TRUE(packet);
    EXPECT_EQ(packet->op(), VsockOp::kShutdown);
    EXPECT_TRUE(received == data);
}

TEST_F(VsockTest, SlowReaderGetsEverythingAndTheGuestOnlyAWindow) {
    std::string const data = random_bytes(1 << 20);
    ASSERT_TRUE(guest_->connect(kGuestPort, kOutPort));
    Sender sender(*guest_, kOutPort);
    size_t sent = sender.send(data);
    EXPECT_LE(sent, ReceiveWindow::kLargeBytes + 65536) << "a window, and what the pipe holds";
    EXPECT_EQ(sender.send(std::string_view(data).substr(sent)), 0u) << "no credit before somebody reads";

    std::string received;
    while (received.size() < data.size()) {
        std::string const part = read_now(out_.first);
        ASSERT_NE(part, "EOF");
        received += part;
        guest_->rig().turn();
        sent += sender.send(std::string_view(data).substr(sent));
    }
    EXPECT_TRUE(received == data);
}

TEST_F(VsockTest, StuckReaderDoesNotHoldUpAnotherConnection) {
    ASSERT_TRUE(guest_->connect(kGuestPort, kOutPort));
    Sender(*guest_, kOutPort).send(std::string(1 << 20, 'x'));
    ASSERT_TRUE(guest_->connect(kGuestPort + 1, kDuplexPort));
    guest_->send_data(kGuestPort + 1, kDuplexPort, "signal");
    EXPECT_EQ(read_now(peer_), "signal");
    write_to(peer_, "answer");
    EXPECT_EQ(guest_->wait_next()->data, "answer");
}

TEST_F(VsockTest, BytesOfAGuestThatDiedStillReachASlowReader) {
    std::string const data = random_bytes(200'000);
    ASSERT_TRUE(guest_->connect(kGuestPort, kOutPort));
    ASSERT_EQ(Sender(*guest_, kOutPort).send(data), data.size());
    guest_->send(VsockOp::kReset, kGuestPort, kOutPort);
    EXPECT_EQ(vsock_->connections(), 1u) << "drains without the guest";
    std::string received;
    EXPECT_EQ(read_now(done_.first), "") << "not done before the last byte is out";
    while (received.size() < data.size()) {
        std::string const part = read_now(out_.first);
        ASSERT_NE(part, "EOF");
        received += part;
        guest_->rig().turn();
    }
    EXPECT_TRUE(received == data);
    EXPECT_EQ(read_now(out_.first), "EOF");
    EXPECT_EQ(read_now(done_.first), "EOF");
    EXPECT_EQ(vsock_->connections(), 0u);
}

TEST_F(VsockTest, PortsOfADrainingConnectionCanBeUsedAgain) {
    ASSERT_TRUE(guest_->connect(kGuestPort, kOutPort));
    Sender(*guest_, kOutPort).send(std::string(200'000, 'x'));
    guest_->send(VsockOp::kReset, kGuestPort, kOutPort);
    auto const [read_end, write_end] = must(make_pipe());
    out_.second = must(duplicate(write_end.borrow()));
    ASSERT_TRUE(guest_->connect(kGuestPort, kOutPort));
    guest_->send_data(kGuestPort, kOutPort, "new");
    EXPECT_EQ(read_now(read_end), "new");
    out_.first.reset();
    EXPECT_TRUE(guest_->rig().turn_until([&] { return vsock_->connections() == 1; }));
    guest_->send_data(kGuestPort, kOutPort, "er");
    EXPECT_EQ(read_now(read_end), "er") << "the old one's end left the new one alone";
}

}  // namespace
}  // namespace krun::vmm
