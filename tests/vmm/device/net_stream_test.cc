// SPDX-License-Identifier: Apache-2.0
#include "vmm/device/net_stream.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <array>
#include <optional>
#include <string>
#include <vector>

#include "base/fd.h"
#include "tests/support/guest_driver.h"
#include "tests/support/tcp_frames.h"
#include "tests/vmm/device/device_rig.h"
#include "vmm/device/net.h"
#include "vmm/device/net_protocol.h"

namespace krun::vmm {
namespace {

using Outcome = NetBackend::Outcome;

std::string frame_of(size_t bytes, char first = 'a') {
    std::string frame;
    while (frame.size() < bytes)
        frame.push_back(static_cast<char>(first + static_cast<int>(frame.size() % 26)));
    return frame;
}

std::string length_of(size_t bytes) {
    return {static_cast<char>(bytes >> 24), static_cast<char>(bytes >> 16), static_cast<char>(bytes >> 8),
            static_cast<char>(bytes)};
}

std::string message_of(std::string const& frame) {
    return length_of(frame.size()) + frame;
}

class NetStreamTest : public ::testing::Test {
protected:
    NetStreamTest() {
        auto [peer, devices] = must(make_socketpair(SOCK_STREAM));
        peer_ = std::move(peer);
        backend_ = std::make_unique<NetStream>(std::move(devices));
    }

    void peer_says(std::string_view bytes) {
        ASSERT_EQ(::send(peer_.borrow().raw(), bytes.data(), bytes.size(), MSG_DONTWAIT),
                  static_cast<ssize_t>(bytes.size()));
    }
    std::string peer_hears() {
        std::string all(size_t{1} << 20, '\0');
        ssize_t const n = ::recv(peer_.borrow().raw(), all.data(), all.size(), MSG_DONTWAIT);
        return all.substr(0, static_cast<size_t>(std::max<ssize_t>(n, 0)));
    }
    // In parts of which none is a whole header.
    NetBackend::Transfer receive() {
        iovec const parts[] = {
            {room_.data(), 5}, {room_.data() + 5, 20}, {room_.data() + 25, room_.size() - 25}};
        return backend_->receive(parts);
    }
    // The next frame, or which outcome there was in its place.
    std::string received() {
        auto const got = receive();
        if (got.outcome != Outcome::kMoved) return "outcome " + std::to_string(static_cast<int>(got.outcome));
        EXPECT_EQ(room_.substr(0, sizeof(NetHeader)), std::string(sizeof(NetHeader), '\0'));
        return room_.substr(sizeof(NetHeader), got.bytes - sizeof(NetHeader));
    }
    Outcome send(std::string frame) {
        NetHeader header{};
        iovec const parts[] = {{&header, sizeof header}, {frame.data(), frame.size()}};
        return backend_->send(parts);
    }

    UniqueFd peer_;
    std::unique_ptr<NetStream> backend_;
    std::string room_ = std::string(sizeof(NetHeader) + 1518, 'x');
    std::string const blocked_ = "outcome " + std::to_string(static_cast<int>(Outcome::kBlocked));
    std::string const lost_ = "outcome " + std::to_string(static_cast<int>(Outcome::kRefused));
    std::string const ended_ = "outcome " + std::to_string(static_cast<int>(Outcome::kEnded));
};

TEST_F(NetStreamTest, AFrameIsSentBehindItsLength) {
    EXPECT_EQ(send(frame_of(60)), Outcome::kMoved);
    EXPECT_EQ(peer_hears(), message_of(frame_of(60)));
    EXPECT_EQ(send(frame_of(kMaxFrameBytes)), Outcome::kMoved);
    EXPECT_EQ(peer_hears(), message_of(frame_of(kMaxFrameBytes)));
}

TEST_F(NetStreamTest, FramesArriveOneByOne) {
    EXPECT_EQ(received(), blocked_);
    peer_says(message_of(frame_of(60)) + message_of(frame_of(14, 'b')) + message_of(frame_of(1518, 'c')));
    EXPECT_EQ(received(), frame_of(60));
    EXPECT_EQ(received(), frame_of(14, 'b'));
    EXPECT_EQ(received(), frame_of(1518, 'c'));
    EXPECT_EQ(received(), blocked_);
}

TEST_F(NetStreamTest, AFrameMayComeInPiecesCutAnywhere) {
    std::string const two = message_of(frame_of(60)) + message_of(frame_of(40, 'b'));
    for (size_t cut = 1; cut < two.size(); ++cut) {
        std::vector<std::string> frames;
        for (auto const& piece : {two.substr(0, cut), two.substr(cut)}) {
            peer_says(piece);
            for (auto frame = received(); frame != blocked_; frame = received()) frames.push_back(frame);
        }
        EXPECT_EQ(frames, (std::vector{frame_of(60), frame_of(40, 'b')})) << cut;
    }
}

TEST_F(NetStreamTest, WhatIsTooShortForAFrameOrTooLongForTheGuestIsLost) {
    for (size_t const bytes : {size_t{0}, size_t{1}, size_t{13}, size_t{1519}, size_t{kMaxFrameBytes}}) {
        peer_says(message_of(frame_of(bytes)) + message_of(frame_of(60)));
        EXPECT_EQ(received(), lost_) << bytes;
        EXPECT_EQ(received(), frame_of(60)) << bytes;
    }
}

TEST_F(NetStreamTest, ALengthThatNoFrameHasEndsTheConnection) {
    for (size_t const bytes : {size_t{kMaxFrameBytes} + 1, size_t{0x7fffffff}, size_t{0xffffffff}}) {
        auto [peer, devices] = must(make_socketpair(SOCK_STREAM));
        peer_ = std::move(peer);
        backend_ = std::make_unique<NetStream>(std::move(devices));
        peer_says(length_of(bytes) + frame_of(60));
        EXPECT_EQ(received(), ended_) << bytes;
    }
}

TEST_F(NetStreamTest, AnEndOfThePeerIsTheEndInTheMiddleOfAFrameToo) {
    peer_says(message_of(frame_of(60)).substr(0, 30));
    EXPECT_EQ(received(), blocked_);
    peer_.reset();
    EXPECT_EQ(received(), ended_);
    EXPECT_EQ(send(frame_of(60)), Outcome::kEnded);
}

TEST_F(NetStreamTest, AFrameThatADriverDidNotStayForIsLostForTheNext) {
    peer_says(message_of(frame_of(60)).substr(0, 30));
    EXPECT_EQ(received(), blocked_);
    ASSERT_TRUE(backend_->use(0).ok());
    peer_says(message_of(frame_of(60)).substr(30) + message_of(frame_of(50, 'b')));
    EXPECT_EQ(received(), lost_);
    EXPECT_EQ(received(), frame_of(50, 'b'));
}

std::vector<std::string> segments(size_t count, size_t bytes = 1400) {
    std::vector<std::string> out;
    for (size_t i = 0; i < count; ++i)
        out.push_back(
            TcpFrame{.sequence = static_cast<uint32_t>(i * bytes), .payload = frame_of(bytes)}.bytes());
    return out;
}

std::string messages_of(std::vector<std::string> const& frames) {
    std::string out;
    for (auto const& frame : frames) out += message_of(frame);
    return out;
}

// What each receive() gives, cut into the segments that it is.
using Runs = std::vector<std::vector<std::string>>;
Runs received_in_runs(NetStream& backend, std::string& room) {
    Runs out;
    iovec const part{room.data(), room.size()};
    for (auto got = backend.receive({&part, 1}); got.outcome == Outcome::kMoved;
         got = backend.receive({&part, 1})) {
        NetHeader header;
        std::memcpy(&header, room.data(), sizeof header);
        out.push_back(segments_of(header, room.substr(sizeof header, got.bytes - sizeof header)));
    }
    return out;
}

TEST_F(NetStreamTest, SegmentsOfAConnectionThatAreThereAreGivenAsOne) {
    ASSERT_TRUE(backend_->use(backend_->offloads()).ok());
    auto const frames = segments(40);
    auto const other = frame_of(60);
    std::string room(sizeof(NetHeader) + kMaxFrameBytes, 'x');
    peer_says(message_of(other) + messages_of(frames) + message_of(other));
    EXPECT_TRUE(received_in_runs(*backend_, room) == (Runs{{other}, frames, {other}}));
    // Nothing is waited for.
    peer_says(message_of(frames[0]) + message_of(frames[1]).substr(0, 100));
    EXPECT_TRUE(received_in_runs(*backend_, room) == (Runs{{frames[0]}}));
    peer_says(message_of(frames[1]).substr(100) + message_of(frames[2]));
    EXPECT_TRUE(received_in_runs(*backend_, room) == (Runs{{frames[1]}, {frames[2]}}));
}

TEST_F(NetStreamTest, SegmentsAreGivenOneByOneToADriverThatDoesNotKnowLongerOnes) {
    ASSERT_TRUE(backend_->use(kNetFeatureGuestCsum).ok());
    auto const frames = segments(10);
    std::string room(sizeof(NetHeader) + kMaxFrameBytes, 'x');
    peer_says(messages_of(frames));
    auto const got = received_in_runs(*backend_, room);
    ASSERT_EQ(got.size(), frames.size());
    for (size_t i = 0; i < frames.size(); ++i) EXPECT_TRUE(got[i] == std::vector{frames[i]}) << i;
}

TEST_F(NetStreamTest, ARunEndsWhereTheGuestsRoomDoes) {
    ASSERT_TRUE(backend_->use(backend_->offloads()).ok());
    auto const frames = segments(5);
    size_t const three = frames[0].size() + 2 * 1400;
    std::string room(sizeof(NetHeader) + three, 'x');
    peer_says(messages_of(frames));
    EXPECT_TRUE(received_in_runs(*backend_, room) ==
                (Runs{{frames[0], frames[1], frames[2]}, {frames[3], frames[4]}}));
}

// More than is read at once, in every position of what is read at once.
TEST_F(NetStreamTest, AStreamLongerThanWhatIsReadAheadIsWhole) {
    ASSERT_TRUE(backend_->use(backend_->offloads()).ok());
    auto const frames = segments(100, 1447);
    std::string room(sizeof(NetHeader) + kMaxFrameBytes, 'x');
    for (size_t before = 14; before < 3000; before += 211) {
        peer_says(message_of(frame_of(before)) + messages_of(frames));
        std::vector<std::string> all;
        for (auto const& run : received_in_runs(*backend_, room))
            all.insert(all.end(), run.begin(), run.end());
        ASSERT_EQ(all.size(), frames.size() + 1) << before;
        EXPECT_EQ(all[0], frame_of(before));
        EXPECT_TRUE(std::equal(frames.begin(), frames.end(), all.begin() + 1)) << before;
    }
}

// Frames that the device has read are not lost sight of: the socket has nothing more to say.
class ReadAheadTest : public NetStreamTest {
protected:
    static constexpr size_t kBytes = 300;

    ReadAheadTest() {
        net_ = must(Net::make(0));
        EXPECT_TRUE(net_->plug({{2, 0, 0, 0, 0, 1}, 1500, std::move(backend_)}));
        rig_.emplace(*net_, ~kNetGuestOffloads);
    }
    void offer(size_t buffers) {
        for (size_t i = 0; i < buffers; ++i)
            rig_->driver(Net::kReceive).chain().writable(kBytes + sizeof(NetHeader)).publish();
        rig_->kick(Net::kReceive);
    }
    void say(size_t frames) {
        for (size_t i = 0; i < frames; ++i) peer_says(message_of(frame_of(kBytes)));
    }
    size_t arrived() {
        size_t count = 0;
        for (int i = 0; i < 10; ++i) rig_->turn();
        while (rig_->driver(Net::kReceive).take_used()) ++count;
        return count;
    }

    std::unique_ptr<Net> net_;
    std::optional<DeviceRig> rig_;
};

TEST_F(ReadAheadTest, MoreFramesThanATurnTakesAllArrive) {
    offer(200);
    say(150);
    EXPECT_EQ(arrived(), 150u);
}

TEST_F(ReadAheadTest, FramesWaitForBuffersAndComeWhenThereAreSome) {
    offer(40);
    say(60);
    size_t const first = arrived();
    EXPECT_LT(first, 60u);
    offer(40);
    EXPECT_EQ(first + arrived(), 60u);
}

TEST_F(ReadAheadTest, AnUnusableFrameHoldsTheOthersNotUp) {
    offer(100);
    say(1);
    peer_says(message_of("short") + message_of(frame_of(60'000)));
    say(2);
    EXPECT_EQ(arrived(), 3u);
}

// How many frames the peer's queue takes, the last in part.
TEST_F(NetStreamTest, AFrameThatIsTakenInPartIsFinishedBeforeTheNext) {
    std::string sent;
    char first = 'a';
    for (Outcome last = Outcome::kMoved; last == Outcome::kMoved; ++first) {
        last = send(frame_of(60'000, first));
        if (last == Outcome::kMoved) sent += message_of(frame_of(60'000, first));
    }
    std::string heard;
    while (backend_->carry_on() != Outcome::kMoved || heard.size() < sent.size()) {
        auto const more = peer_hears();
        ASSERT_NE(more, "");
        heard += more;
    }
    EXPECT_EQ(heard == sent, true);
    EXPECT_EQ(send(frame_of(60)), Outcome::kMoved);
    EXPECT_EQ(peer_hears(), message_of(frame_of(60)));
}

// How many frames of 60,000 bytes fill a socket's queue, the last of them taken in part.
size_t frames_until_one_is_in_part() {
    auto const [peer, devices] = must(make_socketpair(SOCK_STREAM));
    NetStream backend(must(duplicate(devices.borrow())));
    std::string frame(sizeof(NetHeader) + 60'000, '\0');
    iovec const part{frame.data(), frame.size()};
    size_t count = 0;
    while (backend.carry_on() == Outcome::kMoved && backend.send({&part, 1}) == Outcome::kMoved) ++count;
    return count;
}

// The driver sends no more, and what the peer has not had yet comes when there is room.
TEST_F(NetStreamTest, TheRestOfAFrameNeedsNoFurtherFrameToGo) {
    size_t const frames = frames_until_one_is_in_part();
    auto const net = must(Net::make(0));
    ASSERT_TRUE(net->plug({{2, 0, 0, 0, 0, 1}, 65520, std::move(backend_)}));
    DeviceRig rig(*net);
    auto& driver = rig.driver(Net::kTransmit);
    auto const bytes = driver.allocate(60'000);
    for (size_t i = 0; i < frames; ++i) {
        driver.chain().readable(std::string(sizeof(NetHeader), '\0')).part(bytes, 60'000, 0).publish();
        rig.kick(Net::kTransmit);
        ASSERT_TRUE(driver.take_used()) << i;
    }
    size_t heard = 0;
    EXPECT_TRUE(rig.turn_until([&] {
        heard += peer_hears().size();
        return heard >= frames * 60'004;
    }));
    EXPECT_EQ(heard, frames * 60'004);
}

}  // namespace
}  // namespace krun::vmm
