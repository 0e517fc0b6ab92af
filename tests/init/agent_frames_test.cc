// SPDX-License-Identifier: Apache-2.0
// What init does with frames that it did not expect, and with messages of the payload's to the host.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include "execution_fixture.h"

namespace krun::init {
namespace {

using control::FrameType;
using ::testing::HasSubstr;
using ::testing::StartsWith;

using AgentFrames = ExecutionTest;

TEST_F(AgentFrames, BodiesOfTheWrongLengthAreIgnored) {
    start_payload();
    for (size_t bytes = 0; bytes <= 9; ++bytes) {
        // SIGKILL or a size, if it were read in spite of its length.
        std::vector<std::byte> body(bytes, std::byte{0});
        if (!body.empty()) body[0] = std::byte{SIGKILL};
        if (bytes != sizeof(control::SignalBody)) {
            run_.send(FrameType::kSignal, body);
            run_.send(FrameType::kSignalAll, body);
        }
        if (bytes != sizeof(control::ResizeBody)) run_.send(FrameType::kResize, body);
        if (bytes != sizeof(control::PluggedBody)) run_.send(FrameType::kPlugged, body);
        if (bytes != 0) run_.send(FrameType::kStart, body);
    }
    EXPECT_EQ(end_payload(), 42);
}

TEST_F(AgentFrames, SignalNumbersThatAreNoneAreIgnored) {
    start_payload();
    for (uint32_t const number : {0U, 65U, 1000U, UINT32_MAX}) {
        run_.signal(number);
        run_.signal_all(number);
    }
    EXPECT_EQ(end_payload(), 42);
}

TEST_F(AgentFrames, DeviceThatIsNotThereIsDoneWithout) {
    start_payload();
    control::PluggedBody const nowhere{77};
    auto const bytes = std::as_bytes(std::span(&nowhere, 1));
    run_.send(FrameType::kPlugged, {bytes.begin(), bytes.end()});
    EXPECT_EQ(end_payload(), 42);
}

TEST_F(AgentFrames, UnknownTypesAndProcessesAreIgnored) {
    start_payload();
    run_.send(FrameType{99});
    run_.send(FrameType::kHello, {std::byte{2}, std::byte{0}, std::byte{0}, std::byte{0}});
    run_.signal(SIGKILL, 7);
    run_.send(FrameType::kStart, {}, 7);
    EXPECT_EQ(end_payload(), 42);
}

TEST_F(AgentFrames, EveryTruncatedExecFailsWith125) {
    start_payload();
    auto const whole = run_.exec_body(run_.probe_to_execute({"exit", "9"}));
    uint32_t process = 0;
    for (size_t bytes = 0; bytes < whole.size(); ++bytes) {
        run_.send(FrameType::kExec, {whole.begin(), whole.begin() + static_cast<ptrdiff_t>(bytes)},
                  ++process);
        EXPECT_EQ(next_refusal(process).exit_code, 125u) << bytes;
    }
    EXPECT_EQ(probe(process + 1, {"exit", "9"}), 9);
    EXPECT_EQ(end_payload(), 42);
}

TEST_F(AgentFrames, ExecWithoutAUsableProcessSaysWhichMember) {
    start_payload();
    auto config = run_.probe_to_execute({});
    config.process.args = {};
    EXPECT_EQ(refusal(1, config).text, "process.args: must not be empty");
    config = run_.probe_to_execute({});
    config.process.cwd = "here";
    EXPECT_THAT(refusal(2, config).text, StartsWith("process.cwd: must be an absolute path"));
    config = run_.probe_to_execute({});
    for (guest::PassedFd const& fd : {guest::PassedFd{2, "r"}, {32, "r"}, {5, ""}, {5, "x"}}) {
        config.process.passed_fds = {fd};
        static uint32_t process = 2;
        run_.send_exec(++process, config);
        EXPECT_THAT(next_refusal(process).text, StartsWith("process.passedFds: "));
    }
    config.process.passed_fds = {{5, "r"}, {5, "w"}};
    run_.send_exec(20, config);
    EXPECT_EQ(next_refusal(20).text, "process.passedFds: 5 is there twice");
    EXPECT_EQ(end_payload(), 42);
}

TEST_F(AgentFrames, NumberOfAnotherProcessIsNotExecutedAgain) {
    start_payload();
    EXPECT_EQ(probe(1, {"exit", "1"}), 1);
    run_.send_exec(1, run_.probe_to_execute({"exit", "2"}));
    run_.send_exec(0, run_.probe_to_execute({"exit", "2"}));
    run_.send_exec(control::kMaxProcesses, run_.probe_to_execute({"exit", "2"}));
    EXPECT_EQ(probe(control::kMaxProcesses - 1, {"exit", "3"}), 3);
    // No frame about any of them comes before the payload's.
    run_.signal(SIGTERM);
    auto const frame = run_.next_frame();
    EXPECT_EQ(frame.process, 0u);
    EXPECT_EQ(frame.status(), 42);
}

TEST_F(AgentFrames, ExecBeforeThePayloadIsReadyIsRefused) {
    run_.launch_unconnected();  // a payload without streams is not set up
    EXPECT_EQ(run_.next_frame().type, FrameType::kHello);
    EXPECT_EQ(refusal(1, run_.probe_to_execute({})).text, "container not running");
    run_.connect_streams(0, run_.config().process);
    EXPECT_EQ(run_.next_frame().type, FrameType::kReady);
}

TEST_F(AgentFrames, SignalThatComesBeforeThePayloadsStreamsIsKept) {
    run_.launch_unconnected();
    EXPECT_EQ(run_.next_frame().type, FrameType::kHello);
    run_.signal(SIGKILL);
    run_.connect_streams(0, run_.config().process);
    auto frame = run_.next_frame();
    if (frame.type == FrameType::kReady) frame = run_.next_frame();
    EXPECT_TRUE(frame.status() == 128 + SIGKILL || frame.type == FrameType::kFailed);
}

class Notify : public ExecutionTest {
protected:
    void SetUp() override {
        ExecutionTest::SetUp();
        run_.config().krun.notify_socket = "/run/notify/notify.sock";
        run_.config().process.env.push_back("NOTIFY_SOCKET=/run/notify/notify.sock");
    }
};

TEST_F(Notify, MessagesReachTheHostTheLastOneBeforeTheEnd) {
    run_.probe({"notify", "READY=1", ",", "notify", "STOPPING=1", ",", "exit", "3"});
    run_.run_to_start();
    auto frame = run_.next_frame();
    EXPECT_EQ(frame.type, FrameType::kNotify);
    EXPECT_EQ(frame.text(), "READY=1");
    EXPECT_EQ(run_.next_frame().text(), "STOPPING=1");
    EXPECT_EQ(run_.next_frame().status(), 3);
}

TEST_F(Notify, SocketIsTheUsersAndTheRootIsNotWritten) {
    run_.config().process.user.uid = 1000;
    run_.probe({"stat", "/run/notify/notify.sock", ",", "create", "/run/notify/other", ",", "notify", "X=1"});
    run_.run_to_start();
    EXPECT_EQ(run_.next_frame().text(), "X=1");
    EXPECT_EQ(run_.finish(), 0);
    EXPECT_THAT(run_.output(), HasSubstr("/run/notify/notify.sock: mode=140777 rdev=0:0 uid=1000"));
    EXPECT_THAT(run_.output(), HasSubstr("create /run/notify/other: errno 30"));
    EXPECT_TRUE(std::filesystem::is_empty(run_.rootfs() / "run/notify"));
}

TEST_F(Notify, MessageAbove4096BytesIsDropped) {
    run_.probe({"notify", std::string(4097, 'x'), ",", "notify", std::string(4096, 'y')});
    run_.run_to_start();
    EXPECT_EQ(run_.next_frame().text(), std::string(4096, 'y'));
    EXPECT_EQ(run_.finish(), 0);
}

TEST_F(Notify, BarrierClosesWhenTheHostHasSeenToWhatCameBefore) {
    run_.probe({"notify", "A=1", ",", "notify-and-wait", "BARRIER=1", ",", "notify", "B=1"});
    run_.run_to_start();
    EXPECT_EQ(run_.next_frame().text(), "A=1");
    EXPECT_EQ(run_.next_frame().text(), "BARRIER=1");
    // Meanwhile nothing more comes.
    run_.execute(1, run_.probe_to_execute({"exit", "0"}));
    EXPECT_EQ(run_.next_frame().type, FrameType::kStarted);
    EXPECT_EQ(run_.next_frame().type, FrameType::kExited);
    run_.send(FrameType::kNotified);
    EXPECT_EQ(run_.next_frame().text(), "B=1");
    EXPECT_EQ(run_.finish(), 0);
}

TEST_F(Notify, BarrierWithoutADescriptorIsDroppedAndADescriptorWithoutABarrier) {
    run_.probe({"notify", "BARRIER=1", ",", "notify-and-wait", "A=1", ",", "notify", "B=1"});
    run_.run_to_start();
    EXPECT_EQ(run_.next_frame().text(), "A=1");
    EXPECT_EQ(run_.next_frame().text(), "B=1");
    EXPECT_EQ(run_.finish(), 0);
}

TEST_F(Notify, BarrierOfAPayloadThatDiesHoldsNobodyUp) {
    run_.probe({"notify-and-wait", "BARRIER=1"});
    run_.run_to_start();
    EXPECT_EQ(run_.next_frame().text(), "BARRIER=1");
    run_.signal(SIGKILL);
    EXPECT_EQ(run_.next_frame().status(), 128 + SIGKILL);
}

// The last reference to it goes where the message is read.
TEST_F(Notify, DescriptorThatClosesSlowlyLeavesInitListening) {
    run_.probe({"linger-over-notify", ",", "wait-term"});
    run_.run_to_start();
    run_.hold_for_ms(800);
    EXPECT_EQ(run_.read_until(kStdout, "waiting\n"), "waiting\n");
    ::usleep(100'000);
    run_.execute(1, run_.probe_to_execute({"say", "still here"}));
    EXPECT_EQ(run_.read_until(kStdout, "", 1), "still here\n");
    run_.signal(SIGKILL);
    HostFrame frame;
    do frame = run_.next_frame();
    while (frame.type == FrameType::kNotify || frame.process == 1);
    EXPECT_EQ(frame.status(), 128 + SIGKILL);
}

TEST_F(Notify, FloodThatTheHostDoesNotReadLeavesInitListening) {
    run_.probe({"notify-often", "1000000000"});
    run_.run_to_start();
    ::usleep(200'000);
    run_.execute(1, run_.probe_to_execute({"say", "still here"}));
    EXPECT_EQ(run_.read_until(kStdout, "", 1), "still here\n");
    run_.signal(SIGKILL);
    HostFrame frame;
    do frame = run_.next_frame();
    while (frame.type == FrameType::kNotify || frame.process == 1);
    EXPECT_EQ(frame.status(), 128 + SIGKILL);
}

}  // namespace
}  // namespace krun::init
