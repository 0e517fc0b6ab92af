// SPDX-License-Identifier: Apache-2.0
#include "vmm/device/net.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/vmm/device/device_rig.h"
#include "tests/vmm/device/net_wire.h"

namespace krun::vmm {
namespace {

constexpr uint16_t kMtu = 1500;
constexpr uint64_t kNoSegments = ~(kNetFeatureGuestTso4 | kNetFeatureGuestTso6);
constexpr uint64_t kOneBuffer = ~kNetFeatureMergeable & kNoSegments;

std::string frame_of(size_t bytes) {
    std::string frame;
    while (frame.size() < bytes) frame.push_back(static_cast<char>('a' + frame.size() % 26));
    return frame;
}

std::string header_bytes(NetHeader const& header) {
    return {reinterpret_cast<char const*>(&header), sizeof header};
}

uint16_t buffers_of(std::string const& received) {
    NetHeader header{};
    std::memcpy(&header, received.data(), std::min(received.size(), sizeof header));
    return header.buffers;
}

class NetTest : public ::testing::Test {
protected:
    void plug(uint64_t accepted = ~uint64_t{0}) {
        EXPECT_TRUE(net_->plug({{2, 4, 6, 8, 10, 12}, kMtu, wire_.backend()}));
        rig_ = std::make_unique<DeviceRig>(*net_, accepted);
    }
    GuestDriver& receiver() { return rig_->driver(Net::kReceive); }
    GuestDriver& sender() { return rig_->driver(Net::kTransmit); }
    void offer(uint32_t bytes, int count = 1) {
        for (int i = 0; i < count; ++i) receiver().chain().writable(bytes).publish();
        rig_->kick(Net::kReceive);
    }
    void send(std::string_view frame, NetHeader header = {}) {
        sender().chain().readable(header_bytes(header)).readable(frame).publish();
        rig_->kick(Net::kTransmit);
    }
    // A frame that has the device's last word: it arrives although what came before it did not.
    bool still_sends() {
        while (wire_.receive()) continue;
        send(frame_of(60));
        auto const arrived = wire_.receive();
        return arrived && arrived->frame == frame_of(60);
    }
    uint8_t command(std::string_view bytes) {
        auto& driver = rig_->driver(Net::kControl);
        driver.chain().readable(bytes).writable(1).publish();
        rig_->kick(Net::kControl);
        auto const used = driver.take_used();
        return used && used->data.size() == 1 ? static_cast<uint8_t>(used->data[0]) : uint8_t{99};
    }
    NetConfig config() const {
        NetConfig out{};
        net_->read_config(0, std::as_writable_bytes(std::span(&out, 1)));
        return out;
    }

    Wire wire_;
    std::unique_ptr<Net> net_ = must(Net::make(0));
    std::unique_ptr<DeviceRig> rig_;
};

TEST_F(NetTest, BeforeItIsPluggedInItIsNoDevice) {
    EXPECT_EQ(net_->id(), DeviceId::kNone);
    EXPECT_EQ(net_->features(), 0u);
    EXPECT_EQ(config().status, 0);
    plug();
    EXPECT_EQ(net_->id(), DeviceId::kNet);
    EXPECT_NE(net_->features() & kNetFeatureMac, 0u);
}

TEST_F(NetTest, OnlyTheFirstInterfaceIsPluggedIn) {
    plug();
    Wire other;
    EXPECT_FALSE(net_->plug({{1, 1, 1, 1, 1, 1}, 9000, other.backend()}));
    EXPECT_EQ(config().mtu, kMtu);
}

TEST_F(NetTest, ADriverThatDoesNotMindTheIdGetsItsFramesBack) {
    rig_ = std::make_unique<DeviceRig>(*net_);
    offer(2000);
    send(frame_of(60));
    EXPECT_TRUE(sender().take_used());
    EXPECT_EQ(rig_->broken_rule(), "");
}

TEST_F(NetTest, TheConfigurationSpaceHasAddressMtuAndLinkStatus) {
    plug();
    EXPECT_EQ(config().mac, (std::array<uint8_t, 6>{2, 4, 6, 8, 10, 12}));
    EXPECT_EQ(config().mtu, kMtu);
    EXPECT_EQ(config().status, kNetLinkUp);
}

TEST_F(NetTest, TheBackEndLearnsWhichOffloadsTheDriverTook) {
    plug(kNetFeatureGuestCsum | kNetFeatureCsum | kNetFeatureMac);
    EXPECT_EQ(wire_.used_offloads(), kNetFeatureGuestCsum | kNetFeatureCsum);
    rig_->restart();
    EXPECT_EQ(wire_.used_offloads(), kNetFeatureGuestCsum | kNetFeatureCsum);
}

TEST_F(NetTest, AFrameOfTheGuestArrivesWithItsHeader) {
    plug();
    NetHeader const header{kNetNeedsChecksum, kGsoTcp4 | kGsoEcn, 54, 1448, 34, 16, 7};
    send(frame_of(3000), header);
    auto const arrived = wire_.receive();
    ASSERT_TRUE(arrived);
    EXPECT_EQ(arrived->frame, frame_of(3000));
    EXPECT_EQ(header_bytes(arrived->header), header_bytes(header));
    EXPECT_EQ(sender().take_used()->len_bytes, 0u);
}

TEST_F(NetTest, AFrameMayBeCutIntoPartsAnywhere) {
    plug();
    std::string const all = header_bytes({}) + frame_of(100);
    for (size_t cut = 1; cut < all.size(); cut += 7) {
        sender().chain().readable(all.substr(0, cut)).readable(all.substr(cut)).publish();
        rig_->kick(Net::kTransmit);
        auto const arrived = wire_.receive();
        ASSERT_TRUE(arrived) << cut;
        EXPECT_EQ(arrived->frame, frame_of(100)) << cut;
        sender().take_used();
    }
}

TEST_F(NetTest, WhatIsNoFrameIsLostAndItsChainComesBack) {
    plug();
    for (size_t const bytes : {0u, 1u, 11u, 12u, 25u}) {
        std::string const all = (header_bytes({}) + frame_of(60)).substr(0, bytes);
        sender().chain().readable(all).publish();
        rig_->kick(Net::kTransmit);
        EXPECT_TRUE(sender().take_used()) << bytes;
        EXPECT_FALSE(wire_.receive()) << bytes;
    }
    sender().chain().writable(100).publish();
    rig_->kick(Net::kTransmit);
    EXPECT_EQ(sender().take_used()->len_bytes, 0u);
    EXPECT_TRUE(still_sends());
    EXPECT_EQ(rig_->broken_rule(), "");
}

TEST_F(NetTest, TheLongestFrameIsSentAndALongerOneIsNot) {
    plug();
    // All parts name the same bytes: a guest needs no memory to claim a long frame.
    auto const piece = sender().allocate(8192);
    auto const chain_of = [&](uint32_t bytes) {
        auto chain = sender().chain();
        chain.readable(header_bytes({}));
        for (; bytes > 0; bytes -= std::min(bytes, 8192u)) chain.part(piece, std::min(bytes, 8192u), 0);
        chain.indirect().publish();
        rig_->kick(Net::kTransmit);
        EXPECT_TRUE(sender().take_used());
        return wire_.receive();
    };
    auto const longest = chain_of(kMaxFrameBytes);
    ASSERT_TRUE(longest);
    EXPECT_EQ(longest->frame.size(), kMaxFrameBytes);
    EXPECT_FALSE(chain_of(kMaxFrameBytes + 1));
    EXPECT_FALSE(chain_of(1 << 20));
    EXPECT_TRUE(still_sends());
}

TEST_F(NetTest, AHeaderWithWhatWasNotNegotiatedLosesItsFrame) {
    constexpr struct {
        uint64_t without;
        NetHeader header;
    } kLies[] = {
        {kNetFeatureCsum, {kNetNeedsChecksum, 0, 0, 0, 34, 16, 0}},
        {kNetFeatureHostTso4, {0, kGsoTcp4, 54, 1448, 0, 0, 0}},
        {kNetFeatureHostTso6, {0, kGsoTcp6, 74, 1428, 0, 0, 0}},
        {kNetFeatureHostEcn, {0, kGsoTcp4 | kGsoEcn, 54, 1448, 0, 0, 0}},
        {0, {0, 3, 42, 1448, 0, 0, 0}},  // fragmentation of UDP
        {0, {0, 5, 42, 1448, 0, 0, 0}},  // segmentation of UDP
        {0, {0, 0x7f, 0, 0, 0, 0, 0}},
        {0, {4, 0, 0, 0, 0, 0, 0}},  // a device's flag
    };
    for (auto const& lie : kLies) {
        Wire wire;
        std::swap(wire_, wire);
        rig_.reset();
        net_ = must(Net::make(0));
        plug(~lie.without);
        send(frame_of(3000), lie.header);
        EXPECT_FALSE(wire_.receive());
        EXPECT_TRUE(sender().take_used());
        EXPECT_TRUE(still_sends());
    }
}

TEST_F(NetTest, FramesWaitForASlowHostAndKeepTheirOrder) {
    plug();
    int sent = 0;
    for (; sent < 120; ++sent) send(std::to_string(1000 + sent) + frame_of(4000));
    int arrived = 0;
    auto const drain = [&] {
        while (auto const one = wire_.receive())
            EXPECT_EQ(one->frame.substr(0, 4), std::to_string(1000 + arrived++));
        return arrived == sent;
    };
    EXPECT_FALSE(drain());  // the socket does not hold all of them
    EXPECT_TRUE(rig_->turn_until(drain));
    int returned = 0;
    while (sender().take_used()) ++returned;
    EXPECT_EQ(returned, sent);
}

TEST_F(NetTest, AFrameForTheGuestFillsOneBufferIfItFits) {
    plug();
    offer(2000, 40);
    wire_.send(frame_of(1000), {0, 0, 0, 0, 0, 0, 77});
    rig_->turn();
    auto const used = receiver().take_used();
    ASSERT_TRUE(used);
    EXPECT_EQ(used->len_bytes, sizeof(NetHeader) + 1000);
    EXPECT_EQ(used->data.substr(sizeof(NetHeader)), frame_of(1000));
    EXPECT_EQ(buffers_of(used->data), 1);
    EXPECT_FALSE(receiver().take_used());
}

TEST_F(NetTest, ALongFrameFillsAsManyBuffersAsItNeeds) {
    plug();
    offer(1500, 60);
    wire_.send(frame_of(4000));
    wire_.send(frame_of(100));
    rig_->turn();
    std::string all;
    for (uint32_t const bytes : {1500u, 1500u, 1012u}) {
        auto const used = receiver().take_used();
        ASSERT_TRUE(used);
        EXPECT_EQ(used->len_bytes, bytes);
        all += used->data;
    }
    EXPECT_EQ(buffers_of(all), 3);
    EXPECT_EQ(all.substr(sizeof(NetHeader)), frame_of(4000));
    auto const next = receiver().take_used();
    ASSERT_TRUE(next);
    EXPECT_EQ(buffers_of(next->data), 1);
}

TEST_F(NetTest, FramesWaitUntilThereIsRoomForTheLongest) {
    plug();
    wire_.send(frame_of(60));
    rig_->turn();
    offer(4096, 15);
    rig_->turn();
    EXPECT_FALSE(receiver().take_used());
    offer(4096, 2);
    rig_->turn();
    EXPECT_TRUE(receiver().take_used());
}

TEST_F(NetTest, WithoutSegmentsRoomForTheMtuIsEnough) {
    plug(kNoSegments);
    offer(sizeof(NetHeader) + kEthernetHeaderBytes + kVlanTagBytes + kMtu);
    wire_.send(frame_of(kEthernetHeaderBytes + kMtu));
    rig_->turn();
    auto const used = receiver().take_used();
    ASSERT_TRUE(used);
    EXPECT_EQ(used->len_bytes, sizeof(NetHeader) + kEthernetHeaderBytes + kMtu);
}

TEST_F(NetTest, WithoutMergingAFrameGoesIntoOneBufferAndIsCutThere) {
    plug(kOneBuffer);
    offer(1000);
    offer(2000);
    wire_.send(frame_of(1400));
    wire_.send(frame_of(1400));
    rig_->turn();
    auto const cut = receiver().take_used();
    auto const whole = receiver().take_used();
    ASSERT_TRUE(cut && whole);
    EXPECT_EQ(cut->len_bytes, 1000u);
    EXPECT_EQ(buffers_of(cut->data), 1);
    EXPECT_EQ(whole->data.substr(sizeof(NetHeader)), frame_of(1400));
}

TEST_F(NetTest, ABufferTooShortForAHeaderBreaksTheRules) {
    plug();
    offer(sizeof(NetHeader) - 1);
    EXPECT_EQ(rig_->broken_rule(), "receive buffer too short");
}

TEST_F(NetTest, AfterABrokenRuleFramesThatWaitWakeNobody) {
    plug();
    receiver().raw_offer(UINT16_MAX);  // noticed when a frame comes
    wire_.send(frame_of(60));
    for (int i = 0; i < 5; ++i) rig_->turn();
    EXPECT_EQ(rig_->broken_rule(), "available head past table");
    EXPECT_EQ(rig_->faults(), 1);
}

TEST_F(NetTest, TinyBuffersCutFramesAndTakeNothingElse) {
    plug();
    offer(16, 256);  // the whole queue: no more can come
    wire_.send(frame_of(60000));
    rig_->turn();
    size_t bytes = 0;
    while (auto const used = receiver().take_used()) bytes += used->len_bytes;
    EXPECT_EQ(bytes, size_t{16} * 256);
    EXPECT_EQ(rig_->broken_rule(), "");
}

TEST_F(NetTest, MoreFramesThanATurnTakesAllArrive) {
    plug();
    offer(1500, 256);
    constexpr int kFrames = 150;
    int arrived = 0;
    for (int i = 0; i < kFrames; ++i) wire_.send(frame_of(60));
    EXPECT_TRUE(rig_->turn_until([&] {
        while (receiver().take_used()) ++arrived;
        return arrived == kFrames;
    }));
}

TEST_F(NetTest, MoreThanATurnIsSentInTurns) {
    plug();
    for (int i = 0; i < 100; ++i)
        sender().chain().readable(header_bytes({})).readable(frame_of(60)).publish();
    rig_->kick(Net::kTransmit);
    int arrived = 0;
    auto const drain = [&] {
        while (wire_.receive()) ++arrived;
        return arrived == 100;
    };
    EXPECT_FALSE(drain());
    EXPECT_TRUE(rig_->turn_until(drain));
}

TEST_F(NetTest, CommandsAboutReceivingAreDoneAndOthersAreNot) {
    plug();
    for (char mode = 0; mode <= 5; ++mode) EXPECT_EQ(command(std::string{0, mode, 1}), kNetCommandDone);
    EXPECT_EQ(command(std::string{1, 0} + std::string(14, '\0')), kNetCommandDone);
    EXPECT_EQ(command(std::string{0, 6, 1}), kNetCommandFailed);
    EXPECT_EQ(command(std::string{1, 1} + std::string(6, 'm')), kNetCommandFailed);
    EXPECT_EQ(command(std::string{4, 0, 2, 0}), kNetCommandFailed);
    EXPECT_EQ(command("\xff"), kNetCommandFailed);
    EXPECT_EQ(rig_->broken_rule(), "");
}

TEST_F(NetTest, AHostThatHangsUpTakesTheLinkDown) {
    plug();
    offer(2000, 40);
    wire_.hang_up();
    EXPECT_TRUE(rig_->turn_until([&] { return config().status == 0; }));
    EXPECT_EQ(rig_->config_changes(), 1);
    send(frame_of(60));
    EXPECT_TRUE(sender().take_used());
    rig_->restart();
    EXPECT_EQ(config().status, 0);
}

TEST_F(NetTest, AResetForgetsBuffersAndTheLinkGoesOn) {
    plug();
    offer(2000, 40);
    rig_->restart();
    wire_.send(frame_of(60));
    rig_->turn();
    EXPECT_FALSE(receiver().take_used());
    offer(2000, 40);
    rig_->turn();
    EXPECT_TRUE(receiver().take_used());
    EXPECT_TRUE(still_sends());
}

}  // namespace
}  // namespace krun::vmm
