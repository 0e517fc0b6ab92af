// SPDX-License-Identifier: Apache-2.0
#include "vmm/device/net_datagram.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <string>

#include "base/fd.h"
#include "tests/support/guest_driver.h"
#include "vmm/device/net_protocol.h"

namespace krun::vmm {
namespace {

using Outcome = NetBackend::Outcome;

class NetDatagramTest : public ::testing::Test {
protected:
    NetDatagramTest() {
        int fds[2];
        if (::socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, fds) < 0) std::abort();
        peer_ = UniqueFd(fds[0]);
        backend_ = std::make_unique<NetDatagram>(UniqueFd(fds[1]));
    }
    void peer_says(std::string_view frame) {
        ASSERT_EQ(::send(peer_.borrow().raw(), frame.data(), frame.size(), MSG_DONTWAIT),
                  static_cast<ssize_t>(frame.size()));
    }
    NetBackend::Transfer receive() {
        iovec const parts[] = {
            {room_.data(), 5}, {room_.data() + 5, 20}, {room_.data() + 25, room_.size() - 25}};
        return backend_->receive(parts);
    }
    Outcome send(std::string frame) {
        NetHeader header{};
        iovec const parts[] = {{&header, sizeof header}, {frame.data(), frame.size()}};
        return backend_->send(parts);
    }

    UniqueFd peer_;
    std::unique_ptr<NetDatagram> backend_;
    std::string room_ = std::string(sizeof(NetHeader) + 1518, 'x');
};

TEST_F(NetDatagramTest, AFrameIsADatagramInBothDirections) {
    EXPECT_EQ(send(std::string(60, 'f')), Outcome::kMoved);
    char heard[100];
    EXPECT_EQ(::recv(peer_.borrow().raw(), heard, sizeof heard, MSG_DONTWAIT), 60);
    peer_says(std::string(1518, 'g'));
    auto const got = receive();
    EXPECT_EQ(got.outcome, Outcome::kMoved);
    EXPECT_EQ(got.bytes, sizeof(NetHeader) + 1518);
    EXPECT_EQ(room_, std::string(sizeof(NetHeader), '\0') + std::string(1518, 'g'));
    EXPECT_EQ(receive().outcome, Outcome::kBlocked);
}

TEST_F(NetDatagramTest, WhatIsTooShortForAFrameOrTooLongForTheGuestIsLost) {
    for (size_t const bytes : {size_t{0}, size_t{13}, size_t{1519}, size_t{60'000}}) {
        peer_says(std::string(bytes, 'f'));
        EXPECT_EQ(receive().outcome, Outcome::kRefused) << bytes;
    }
    peer_says(std::string(14, 'f'));
    EXPECT_EQ(receive().bytes, sizeof(NetHeader) + 14);
}

TEST_F(NetDatagramTest, APeerThatDoesNotReadBlocksAndOneThatHasGoneIsTheEnd) {
    Outcome last = Outcome::kMoved;
    for (int i = 0; i < 100'000 && last == Outcome::kMoved; ++i) last = send(std::string(1000, 'f'));
    EXPECT_EQ(last, Outcome::kBlocked);
    peer_.reset();
    EXPECT_EQ(send(std::string(60, 'f')), Outcome::kEnded);
}

}  // namespace
}  // namespace krun::vmm
