// SPDX-License-Identifier: Apache-2.0
#include "init/control_link.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include "base/bytes.h"
#include "base/fd.h"

namespace krun::init {
namespace {

class ControlLinkTest : public ::testing::Test {
protected:
    ControlLinkTest() : ControlLinkTest(make_socketpair(SOCK_STREAM).value()) {}
    explicit ControlLinkTest(std::pair<UniqueFd, UniqueFd> pair)
        : host_(std::move(pair.first)), link_(std::move(pair.second)) {}

    static std::vector<std::byte> frame(control::FrameType type, std::string_view body) {
        ByteWriter writer;
        writer.put(
            control::FrameHeader{static_cast<uint32_t>(body.size()), static_cast<uint16_t>(type), 0, 0});
        writer.put_text(body);
        return std::move(writer).take();
    }
    void host_sends(std::span<std::byte const> bytes) { ASSERT_TRUE(write_full(host_.borrow(), bytes).ok()); }

    UniqueFd host_;
    ControlLink link_;
};

TEST_F(ControlLinkTest, HelloIsAHeaderAndTheVersion) {
    ASSERT_TRUE(link_.send_hello().ok());
    std::byte bytes[16];
    ASSERT_EQ(read_full(host_.borrow(), bytes).value(), sizeof bytes);
    ByteReader reader(bytes);
    EXPECT_EQ(reader.take<uint32_t>(), 4u);
    EXPECT_EQ(reader.take<uint16_t>(), 1u);
    EXPECT_EQ(reader.take<uint16_t>(), 0u);
    EXPECT_EQ(reader.take<uint32_t>(), 0u);
    EXPECT_EQ(reader.take<uint32_t>(), control::kVersion);
}

TEST_F(ControlLinkTest, FailureTextIsCutToFitABody) {
    EXPECT_TRUE(link_.send_failed(0, 125, std::string(100'000, 'x')).ok());
    control::FrameHeader header{};
    ASSERT_EQ(read_full(host_.borrow(), std::as_writable_bytes(std::span(&header, 1))).value(),
              sizeof header);
    std::vector<std::byte> body(header.body_bytes);
    EXPECT_EQ(read_full(host_.borrow(), body).value(), control::kMaxGuestBodyBytes);
}

TEST_F(ControlLinkTest, NothingToReadIsNoFrameAndNoError) {
    EXPECT_TRUE(link_.receive().value().empty());
}

TEST_F(ControlLinkTest, FramesAreWholeHoweverTheyArrive) {
    auto bytes = frame(control::FrameType::kSignal, "abcd");
    auto const second = frame(control::FrameType::kStart, "");
    bytes.insert(bytes.end(), second.begin(), second.end());
    std::vector<Frame> got;
    for (auto const byte : bytes) {
        host_sends({&byte, 1});
        for (auto& part : link_.receive().value()) got.push_back(std::move(part));
    }
    ASSERT_EQ(got.size(), 2u);
    EXPECT_EQ(got[0].header.type, static_cast<uint16_t>(control::FrameType::kSignal));
    EXPECT_EQ(got[0].body.size(), 4u);
    EXPECT_EQ(got[1].header.type, static_cast<uint16_t>(control::FrameType::kStart));
}

TEST_F(ControlLinkTest, FrameAbove8MiBIsAnError) {
    control::FrameHeader const header{control::kMaxHostBodyBytes + 1, 16, 0, 0};
    host_sends(std::as_bytes(std::span(&header, 1)));
    EXPECT_FALSE(link_.receive().ok());
}

TEST_F(ControlLinkTest, ClosedConnectionIsAnError) {
    host_.reset();
    EXPECT_EQ(link_.receive().error().message(), "the host has closed the control connection");
}

}  // namespace
}  // namespace krun::init
