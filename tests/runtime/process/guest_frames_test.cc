// SPDX-License-Identifier: Apache-2.0
// Which frames of a guest the host takes: each type with each length, in each phase, and how many in a turn.
#include <sys/eventfd.h>

#include <algorithm>
#include <cstring>

#include "tests/runtime/guest_side.h"

namespace krun::runtime {
namespace {

using control::FrameType;

constexpr size_t kHuge[] = {4096, 4097, 65536, 65537, size_t{1} << 31, 0xFFFF'FFFF};
constexpr GuestPhase kPhases[] = {GuestPhase::kBooting, GuestPhase::kSetUp, GuestPhase::kReady,
                                  GuestPhase::kStarting, GuestPhase::kRunning};

struct FrameRow {
    FrameType type;
    size_t min_bytes;
    size_t max_bytes;
    std::vector<GuestPhase> phases;  // in which a body of zeros and the right version is taken
};

// docs/control-protocol.md, Frames and Order.
std::vector<FrameRow> const kRows = {
    {FrameType::kHello, 4, 4, {GuestPhase::kBooting}},
    {FrameType::kReady, 0, 0, {GuestPhase::kSetUp}},
    {FrameType::kFailed, 4, 65536, {std::begin(kPhases), std::end(kPhases)}},
    {FrameType::kStarted, 0, 0, {GuestPhase::kStarting}},
    {FrameType::kExited, 12, 12, {GuestPhase::kRunning}},
    {FrameType::kConnect, 8, 8, {GuestPhase::kReady, GuestPhase::kStarting, GuestPhase::kRunning}},
    {FrameType::kNotify, 0, 4096, {GuestPhase::kReady, GuestPhase::kStarting, GuestPhase::kRunning}},
};

class GuestFramesTest : public test::GuestSide {
protected:
    void begin_in(GuestPhase phase) {
        SetUp();
        if (phase >= GuestPhase::kSetUp) hello();
        if (phase >= GuestPhase::kReady) send_frame(FrameType::kReady);
        if (phase >= GuestPhase::kStarting) {
            ASSERT_TRUE(session_->start().ok());
        }
        if (phase >= GuestPhase::kRunning) send_frame(FrameType::kStarted);
        ASSERT_EQ(session_->phase(), phase);
    }
    bool broken() const {
        return session_->phase() == GuestPhase::kEnded &&
               session_->end().reason.find("broke the control protocol") != std::string::npos;
    }
    // A header alone if more than the longest body is announced.
    void send_sized(FrameType type, size_t len, uint16_t reserved = 0) {
        std::vector<std::byte> body(len <= control::kMaxGuestBodyBytes ? len : 0);
        if (body.size() >= sizeof control::kVersion && type == FrameType::kHello)
            std::memcpy(body.data(), &control::kVersion, sizeof control::kVersion);
        ByteWriter frame;
        frame.put(control::FrameHeader{static_cast<uint32_t>(len), static_cast<uint16_t>(type), reserved, 0})
            .put_bytes(body);
        auto const bytes = std::move(frame).take();
        for (size_t at = 0; at < bytes.size(); at += GuestSession::kBytesATurn)
            send_bytes(std::span(bytes).subspan(at, std::min(bytes.size() - at, GuestSession::kBytesATurn)));
    }
    void expect_taken(FrameRow const& row, GuestPhase phase, size_t len, bool taken) {
        begin_in(phase);
        send_sized(row.type, len);
        EXPECT_EQ(broken(), !taken) << "type " << static_cast<unsigned>(row.type) << " of " << len
                                    << " bytes in phase " << static_cast<int>(phase);
        bool const success = session_->phase() == GuestPhase::kEnded && session_->end().exit_status == 0;
        EXPECT_EQ(success, taken && row.type == FrameType::kExited);
    }
};

TEST_F(GuestFramesTest, LengthOfABodyIsThatOfItsType) {
    for (auto const& row : kRows) {
        std::vector<size_t> lengths(std::begin(kHuge), std::end(kHuge));
        for (size_t len = 0; len <= row.min_bytes + 2; ++len) lengths.push_back(len);
        for (size_t const len : lengths)
            expect_taken(row, row.phases.front(), len, len >= row.min_bytes && len <= row.max_bytes);
    }
}

TEST_F(GuestFramesTest, FrameOutOfItsPhaseBreaksTheProtocol) {
    for (auto const& row : kRows)
        for (auto const phase : kPhases)
            expect_taken(row, phase, row.min_bytes,
                         std::find(row.phases.begin(), row.phases.end(), phase) != row.phases.end());
}

TEST_F(GuestFramesTest, EachOtherTypeBreaksTheProtocol) {
    for (uint16_t type = 0; type < 1000; ++type) {
        if (type >= 1 && type <= kRows.size()) continue;
        begin_in(GuestPhase::kRunning);
        send_sized(static_cast<FrameType>(type), 0);
        EXPECT_TRUE(broken()) << type;
    }
}

TEST_F(GuestFramesTest, ReservedBitsBreakTheProtocol) {
    for (auto const& row : kRows) {
        begin_in(row.phases.front());
        send_sized(row.type, row.min_bytes, 0x8000);
        EXPECT_TRUE(broken()) << static_cast<unsigned>(row.type);
    }
}

TEST_F(GuestFramesTest, BodyOfARefusedFrameIsNotWaitedFor) {
    control::FrameHeader const header{control::kMaxNotifyBytes + 1, static_cast<uint16_t>(FrameType::kNotify),
                                      0, 0};
    begin_in(GuestPhase::kRunning);
    send_bytes(std::as_bytes(std::span(&header, 1)));
    EXPECT_TRUE(broken());
}

TEST_F(GuestFramesTest, FailureOfAProcessThatRunsBreaksTheProtocol) {
    begin_in(GuestPhase::kRunning);
    auto const process = session_->exec("{}").value();
    send_frame(FrameType::kStarted, {}, process);
    send_text_of(process, 127);
    EXPECT_TRUE(broken());
}

TEST_F(GuestFramesTest, ProcessHasNoFramesOfThePayload) {
    for (auto const type : {FrameType::kHello, FrameType::kReady, FrameType::kNotify}) {
        begin_in(GuestPhase::kRunning);
        auto const process = session_->exec("{}").value();
        auto const version = std::as_bytes(std::span(&control::kVersion, 1));
        send_frame(type, type == FrameType::kHello ? version : std::span<std::byte const>(), process);
        EXPECT_TRUE(broken()) << static_cast<unsigned>(type);
    }
}

TEST_F(GuestFramesTest, FloodLeavesOthersTheirTurn) {
    begin_in(GuestPhase::kRunning);
    received_header();  // start
    control::FrameHeader const empty{0, static_cast<uint16_t>(FrameType::kNotify), 0, 0};
    std::vector<control::FrameHeader> const flood(2000, empty);
    size_t const bytes = flood.size() * sizeof empty;
    ASSERT_EQ(::send(init_.borrow().raw(), flood.data(), bytes, MSG_DONTWAIT), static_cast<ssize_t>(bytes));
    auto const request = make_eventfd().value();
    ASSERT_TRUE(loop_
                    .add(request.borrow(), EPOLLIN,
                         [&](uint32_t) {
                             loop_.remove(request.borrow());
                             EXPECT_TRUE(session_->signal(0, 15).ok());
                         })
                    .ok());
    ASSERT_EQ(::eventfd_write(request.borrow().raw(), 1), 0);
    ASSERT_TRUE(loop_.run_once(0).ok());
    EXPECT_EQ(received_header().type, static_cast<uint16_t>(FrameType::kSignal));
    EXPECT_LE(notes_.size(), GuestSession::kBytesATurn / sizeof empty);
    for (int i = 0; i < 10; ++i) ASSERT_TRUE(loop_.run_once(0).ok());
    EXPECT_EQ(notes_.size(), flood.size());
}

}  // namespace
}  // namespace krun::runtime
