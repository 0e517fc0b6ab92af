// SPDX-License-Identifier: Apache-2.0
// A GuestSession whose init is the test: it writes frames and reads what the host sent.
#pragma once
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/fd.h"
#include "runtime/process/guest_session.h"

namespace krun::runtime::test {

using control::FrameType;

class GuestSide : public ::testing::Test {
protected:
    void SetUp() override {
        auto pair = make_socketpair(SOCK_STREAM);
        ASSERT_TRUE(pair.ok());
        init_ = std::move(pair.value().second);
        auto session = GuestSession::make(
            loop_, std::move(pair.value().first),
            {.changed = [this] { changes_.push_back(session_->phase()); },
             .process = [this](uint32_t process,
                               ProcessEvent const& event) { events_.emplace_back(process, event); },
             .notify = [this](std::string_view text) { notes_.emplace_back(text); },
             .connect = [this](control::ConnectBody const& wanted) { wanted_.push_back(wanted); }});
        ASSERT_TRUE(session.ok());
        session_ = std::move(session).value();
    }

    void send_bytes(std::span<std::byte const> bytes) {
        ASSERT_TRUE(write_full(init_.borrow(), bytes).ok());
        pump();
    }
    void send_frame(FrameType type, std::span<std::byte const> body = {}, uint32_t process = 0) {
        ByteWriter frame;
        frame.put(control::FrameHeader{static_cast<uint32_t>(body.size()), static_cast<uint16_t>(type), 0,
                                       process});
        frame.put_bytes(body);
        send_bytes(std::move(frame).take());
    }
    template <class Body>
    void send_body(FrameType type, Body const& body) {
        send_frame(type, std::as_bytes(std::span(&body, 1)));
    }
    void send_text(FrameType type, uint32_t code, std::string_view text) {
        ByteWriter body;
        body.put(code).put_text(text);
        send_frame(type, std::move(body).take());
    }
    void send_text_of(uint32_t process, uint32_t code) {
        ByteWriter body;
        body.put(code).put_text("no");
        send_frame(FrameType::kFailed, std::move(body).take(), process);
    }
    void pump() {
        for (int i = 0; i < 4; ++i) ASSERT_TRUE(loop_.run_once(0).ok());
    }
    void hello() { send_body(FrameType::kHello, control::HelloBody{control::kVersion}); }
    void run_payload() {
        hello();
        send_frame(FrameType::kReady);
        ASSERT_TRUE(session_->start().ok());
        send_frame(FrameType::kStarted);
    }
    template <class Part>
    Part received() {
        Part part{};
        EXPECT_EQ(::recv(init_.borrow().raw(), &part, sizeof part, MSG_DONTWAIT), ssize_t{sizeof part});
        return part;
    }
    // The next frame the host sent, its header alone. What time it is, is left out.
    control::FrameHeader received_header() {
        auto header = received<control::FrameHeader>();
        while (header.type == static_cast<uint16_t>(FrameType::kClock)) {
            times_.push_back(received<control::ClockBody>().ns);
            header = received<control::FrameHeader>();
        }
        return header;
    }

    EventLoop loop_ = EventLoop::make().value();
    UniqueFd init_;
    std::unique_ptr<GuestSession> session_;
    std::vector<GuestPhase> changes_;
    std::vector<std::pair<uint32_t, ProcessEvent>> events_;
    std::vector<std::string> notes_;
    std::vector<control::ConnectBody> wanted_;
    std::vector<int64_t> times_;  // that were told
};

}  // namespace krun::runtime::test
