// SPDX-License-Identifier: Apache-2.0
#include "runtime/process/exec_sessions.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/socket.h>

#include <array>

#include "base/bytes.h"
#include "base/fd.h"
#include "runtime/control/control.h"

namespace krun::runtime {
namespace {

using control::FrameType;

// Plays init on one side and a client on the other.
class ExecSessionsTest : public testing::Test {
protected:
    void SetUp() override {
        auto [ours, inits] = make_socketpair(SOCK_STREAM).value();
        init_ = std::move(inits);
        guest_ =
            GuestSession::make(loop_, std::move(ours),
                               {.changed = [] {},
                                .process = [this](uint32_t process,
                                                  ProcessEvent const& e) { execs_->guest_event(process, e); },
                                .notify = {}})
                .value();
        execs_ = std::make_unique<ExecSessions>(
            loop_, *guest_,
            [this](uint32_t, std::vector<GuestStream> streams) { return open(std::move(streams)); },
            [this] { ++delivered_; });
        control::HelloBody const hello{control::kVersion};
        from_init(FrameType::kHello, 0, std::as_bytes(std::span(&hello, 1)));
        from_init(FrameType::kReady, 0);
        ASSERT_TRUE(guest_->start().ok());
        from_init(FrameType::kStarted, 0);
        next_frame();  // what time it is
        next_frame();  // start
    }

    Result<std::vector<OpenStream>> open(std::vector<GuestStream> streams) {
        std::vector<OpenStream> out;
        for (auto& stream : streams) {
            auto [over, done] = make_pipe().value();
            out.push_back({stream.number, stream.ends.from_guest.valid(), std::move(over)});
            done_.push_back(std::move(done));
        }
        return out;
    }
    void from_init(FrameType type, uint32_t process, std::span<std::byte const> body = {}) {
        ByteWriter frame;
        frame.put(control::FrameHeader{static_cast<uint32_t>(body.size()), static_cast<uint16_t>(type), 0,
                                       process});
        frame.put_bytes(body);
        ASSERT_TRUE(write_full(init_.borrow(), std::move(frame).take()).ok());
        pump();
    }
    void exited(uint32_t process, control::ExitedBody const& body) {
        from_init(FrameType::kExited, process, std::as_bytes(std::span(&body, 1)));
    }
    void pump() {
        for (int i = 0; i < 6; ++i) ASSERT_TRUE(loop_.run_once(0).ok());
    }
    // A frame for init, its header alone; process 0 and type 0 if there is none.
    control::FrameHeader next_frame() {
        control::FrameHeader header{};
        if (::recv(init_.borrow().raw(), &header, sizeof header, MSG_DONTWAIT) != sizeof header) return {};
        std::vector<std::byte> body(header.body_bytes);
        ::recv(init_.borrow().raw(), body.data(), body.size(), MSG_DONTWAIT);
        last_body_ = body;
        return header;
    }
    // Asks for a process with three streams; returns its number, 0 if init was not asked.
    uint32_t begin() {
        auto [ours, clients] = make_socketpair(SOCK_SEQPACKET).value();
        client_ = std::move(clients);
        ControlRequest request{ControlOp::kExec, 0, {}};
        request.fds.push_back(make_memfd("config", 0).value());
        for (int i = 0; i < 3; ++i) request.fds.push_back(open_path("/dev/null", O_RDWR).value());
        execs_->begin(std::move(request), ControlConnection(std::move(ours)));
        return next_frame().process;
    }
    std::optional<ExecEvent> heard() {
        std::array<std::byte, 512> buffer;
        ssize_t const n = ::recv(client_.borrow().raw(), buffer.data(), buffer.size(), MSG_DONTWAIT);
        if (n <= 0) return std::nullopt;
        return decode_exec_event(std::span(buffer).first(static_cast<size_t>(n)));
    }

    EventLoop loop_ = EventLoop::make().value();
    UniqueFd init_;
    UniqueFd client_;
    std::vector<UniqueFd> done_;  // the vsock device's side of each stream
    std::unique_ptr<GuestSession> guest_;
    std::unique_ptr<ExecSessions> execs_;
    std::vector<std::byte> last_body_;
    int delivered_ = 0;
};

TEST_F(ExecSessionsTest, ClientHearsOfStartAndEnd) {
    uint32_t const process = begin();
    ASSERT_NE(process, 0U);
    from_init(FrameType::kStarted, process);
    EXPECT_EQ(heard()->kind, ExecEventKind::kStarted);
    done_.clear();
    exited(process, {7, 0, 0});
    auto const end = heard();
    ASSERT_TRUE(end.has_value());
    EXPECT_EQ(end->kind, ExecEventKind::kExited);
    EXPECT_EQ(end->code, 7U);
    EXPECT_EQ(execs_->size(), 0U);
}

TEST_F(ExecSessionsTest, EndIsToldOnlyWhenTheOutputIsDelivered) {
    uint32_t const process = begin();
    from_init(FrameType::kStarted, process);
    heard();
    exited(process, {0, 0, 0});
    EXPECT_FALSE(heard().has_value());
    done_[1].reset();
    pump();
    EXPECT_FALSE(heard().has_value()) << "standard error is still on its way";
    done_[2].reset();
    pump();
    EXPECT_TRUE(heard().has_value());
}

TEST_F(ExecSessionsTest, LastDeliveryIsToldOfOnce) {
    uint32_t const process = begin();
    from_init(FrameType::kStarted, process);
    exited(process, {0, 0, 0});
    EXPECT_TRUE(execs_->delivering());
    EXPECT_EQ(delivered_, 0);
    done_.clear();
    pump();
    EXPECT_FALSE(execs_->delivering());
    EXPECT_EQ(delivered_, 1);
}

TEST_F(ExecSessionsTest, EndThatWaitsForOutputIsToldWhenTheMachineGoes) {
    uint32_t const process = begin();
    from_init(FrameType::kStarted, process);
    heard();
    exited(process, {3, 0, 0});
    execs_->tell_all_ends();
    auto const end = heard();
    ASSERT_TRUE(end.has_value());
    EXPECT_EQ(end->code, 3U);
}

TEST_F(ExecSessionsTest, StreamThatAnotherProcessHoldsOpenIsNotAwaited) {
    uint32_t const process = begin();
    from_init(FrameType::kStarted, process);
    heard();
    done_[2].reset();
    exited(process, {0, 0, 1U << 1});
    EXPECT_TRUE(heard().has_value());
    EXPECT_EQ(execs_->size(), 1U) << "the stream goes on";
    done_.clear();
    pump();
    EXPECT_EQ(execs_->size(), 0U);
}

TEST_F(ExecSessionsTest, ClientThatGoesAwayKillsItsProcess) {
    uint32_t const process = begin();
    from_init(FrameType::kStarted, process);
    client_.reset();
    pump();
    auto const frame = next_frame();
    EXPECT_EQ(frame.type, static_cast<uint16_t>(FrameType::kSignal));
    EXPECT_EQ(frame.process, process);
    EXPECT_EQ(ByteReader(last_body_).take<control::SignalBody>()->signal, uint32_t{SIGKILL});
    done_.clear();
    exited(process, {0, SIGKILL, 0});
    EXPECT_EQ(execs_->size(), 0U);
}

TEST_F(ExecSessionsTest, SignalsAndSizesOfTheClientReachItsProcess) {
    uint32_t const process = begin();
    ASSERT_TRUE(send_request(client_.borrow(), ControlOp::kSignal, 40).ok());
    pump();
    EXPECT_EQ(next_frame().process, process);
    EXPECT_EQ(ByteReader(last_body_).take<control::SignalBody>()->signal, 40U);
    ASSERT_TRUE(send_request(client_.borrow(), ControlOp::kResize, pack_size(24, 80)).ok());
    pump();
    EXPECT_EQ(next_frame().type, static_cast<uint16_t>(FrameType::kResize));
    EXPECT_EQ(ByteReader(last_body_).take<control::ResizeBody>()->columns, 80U);
    ASSERT_TRUE(send_request(client_.borrow(), ControlOp::kSignal, 65).ok());
    pump();
    EXPECT_EQ(next_frame().type, 0U) << "no such signal";
}

TEST_F(ExecSessionsTest, RequestWithoutStreamsIsAnsweredAndGoesNoFurther) {
    auto [ours, clients] = make_socketpair(SOCK_SEQPACKET).value();
    client_ = std::move(clients);
    ControlRequest request{ControlOp::kExec, 0, {}};
    request.fds.push_back(make_memfd("config", 0).value());
    execs_->begin(std::move(request), ControlConnection(std::move(ours)));
    EXPECT_EQ(heard()->kind, ExecEventKind::kFailed);
    EXPECT_EQ(next_frame().type, 0U);
}

TEST_F(ExecSessionsTest, DescriptionThatIsNoFileIsRefused) {
    auto [ours, clients] = make_socketpair(SOCK_SEQPACKET).value();
    client_ = std::move(clients);
    ControlRequest request{ControlOp::kExec, 0, {}};
    request.fds.push_back(std::move(make_pipe().value().first));
    for (int i = 0; i < 3; ++i) request.fds.push_back(open_path("/dev/null", O_RDWR).value());
    execs_->begin(std::move(request), ControlConnection(std::move(ours)));
    auto const answer = heard();
    ASSERT_TRUE(answer.has_value());
    EXPECT_EQ(answer->code, 255U);
}

TEST_F(ExecSessionsTest, TooManyStreamsAreRefusedUntilSomeEnd) {
    std::vector<UniqueFd> clients;
    while (uint32_t const process = begin()) {
        clients.push_back(std::move(client_));
        ASSERT_LT(process, 1000U);
    }
    EXPECT_EQ(clients.size(), ExecSessions::kMaxStreams / 3);
    EXPECT_NE(heard()->text.find("too many"), std::string::npos);
}

}  // namespace
}  // namespace krun::runtime
