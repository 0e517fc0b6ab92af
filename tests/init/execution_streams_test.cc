// SPDX-License-Identifier: Apache-2.0
// The streams of executed processes: ends of input and output, other holders, passed descriptors, and a host
// that opens them in any order or not at all.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <thread>

#include "base/fd.h"
#include "execution_fixture.h"

namespace krun::init {
namespace {

using control::FrameType;
using ::testing::HasSubstr;

using ExecutionStreams = ExecutionTest;

TEST_F(ExecutionStreams, DescriptorSentOverOneEndsItAndDoesNotHoldInitUp) {
    start_payload();
    auto config = run_.probe_to_execute({"linger-over-fd", "7", ",", "wait-term"});
    config.process.passed_fds = {{7, "rw"}};
    run_.execute(1, config);
    EXPECT_EQ(run_.next_frame_of(1).type, FrameType::kStarted);
    run_.hold_for_ms(800);
    EXPECT_EQ(run_.read_until(kStdout, "waiting\n", 1), "waiting\n");
    EXPECT_EQ(run_.read_until(7, "", 1), "");
    EXPECT_EQ(probe(2, {"exit", "3"}), 3);
    EXPECT_EQ(end_payload(), 42);
}

TEST_F(ExecutionStreams, InputArrivesAndItsEndIsTheProcesssEndOfFile) {
    start_payload();
    run_.execute(1, run_.probe_to_execute({"copy", ",", "exit", "3"}));
    EXPECT_EQ(run_.next_frame_of(1).type, FrameType::kStarted);
    ASSERT_TRUE(write_full(run_.port(kStdin, 1).borrow(), "some input").ok());
    ASSERT_EQ(::shutdown(run_.port(kStdin, 1).borrow().raw(), SHUT_WR), 0);
    EXPECT_EQ(run_.read_until(kStdout, "", 1), "some input");
    EXPECT_EQ(run_.next_frame_of(1).status(), 3);
    EXPECT_EQ(end_payload(), 42);
}

TEST_F(ExecutionStreams, HostThatStopsReadingBreaksTheWritersPipe) {
    start_payload();
    run_.execute(1, run_.probe_to_execute({"write", "100000000000"}));
    EXPECT_EQ(run_.next_frame_of(1).type, FrameType::kStarted);
    run_.port(kStdout, 1).reset();
    EXPECT_EQ(run_.next_frame_of(1).status(), 128 + SIGPIPE);
    EXPECT_EQ(end_payload(), 42);
}

TEST_F(ExecutionStreams, HostIsToldWhenNobodyReadsItsInput) {
    start_payload();
    run_.execute(1, run_.probe_to_execute({"exit", "0"}));
    EXPECT_EQ(run_.next_frame_of(1).type, FrameType::kStarted);
    EXPECT_EQ(run_.next_frame_of(1).status(), 0);
    EXPECT_EQ(::send(run_.port(kStdin, 1).borrow().raw(), "x", 1, MSG_NOSIGNAL), -1);
    EXPECT_EQ(errno, EPIPE);
    EXPECT_EQ(end_payload(), 42);
}

TEST_F(ExecutionStreams, LargeOutputArrivesWholeBeforeTheExit) {
    start_payload();
    constexpr size_t kBytes = size_t{8} << 20;
    EXPECT_EQ(probe(1, {"write", std::to_string(kBytes)}), 0);
    EXPECT_EQ(output_.size(), kBytes);
    EXPECT_EQ(end_payload(), 42);
}

TEST_F(ExecutionStreams, HeldByABackgroundProcessTheyAreReportedOpenAndGoOn) {
    start_payload();
    run_.execute(1, run_.probe_to_execute({"talker", ",", "say", "parent"}));
    EXPECT_EQ(run_.next_frame_of(1).type, FrameType::kStarted);
    auto const end = run_.next_frame_of(1);
    EXPECT_EQ(end.status(), 0);
    EXPECT_EQ(end.open_streams(), 0b111u);
    EXPECT_EQ(run_.read_until(kStdout, "parent\n", 1), "parent\n");
    run_.signal_all(SIGUSR1);  // the payload, PID 1, has no handler for it
    EXPECT_EQ(run_.read_until(kStdout, "", 1), "talker\n");
    EXPECT_EQ(end_payload(), 42);
}

TEST_F(ExecutionStreams, HeldByAnEndlessWriterTheExitIsStillReported) {
    start_payload();
    run_.execute(1, run_.probe_to_execute({"writer", ",", "exit", "6"}));
    EXPECT_EQ(run_.next_frame_of(1).type, FrameType::kStarted);
    std::thread reader([&] { run_.read_until(kStdout, "", 1); });
    auto const end = run_.next_frame_of(1);
    EXPECT_EQ(end.status(), 6);
    EXPECT_EQ(end.open_streams() & 0b10u, 0b10u);
    run_.signal(SIGKILL);
    EXPECT_EQ(run_.next_frame_of(0).status(), 128 + SIGKILL);
    reader.join();
}

TEST_F(ExecutionStreams, OutputOfABackgroundProcessIsDeliveredBeforeThePayloadsEnd) {
    start_payload();
    run_.execute(1, run_.probe_to_execute({"talker"}));
    EXPECT_EQ(run_.next_frame_of(1).type, FrameType::kStarted);
    EXPECT_EQ(run_.next_frame_of(1).open_streams(), 0b111u);
    run_.signal(SIGKILL);
    EXPECT_EQ(run_.next_frame_of(0).status(), 128 + SIGKILL);
    // End of file is there already, so that this does not wait.
    char byte;
    EXPECT_EQ(::recv(run_.port(kStdout, 1).borrow().raw(), &byte, 1, MSG_DONTWAIT), 0);
}

TEST_F(ExecutionStreams, PassedDescriptorsHaveTheirNumbersAndDirections) {
    start_payload();
    auto config = run_.probe_to_execute({"descriptors", ",", "read-fd", "3", ",", "write-fd", "31", ",",
                                         "write-fd", "7", ",", "read-fd", "7", ",", "write-fd", "3"});
    config.process.passed_fds = {{3, "r"}, {31, "w"}, {7, "rw"}};
    run_.execute(1, config);
    EXPECT_EQ(run_.next_frame_of(1).type, FrameType::kStarted);
    for (uint32_t const fd : {3U, 7U}) {
        auto const& port = run_.port(fd, 1);
        ASSERT_TRUE(write_full(port.borrow(), "from host " + std::to_string(fd) + "\n").ok());
        ASSERT_EQ(::shutdown(port.borrow().raw(), SHUT_WR), 0);
    }
    EXPECT_EQ(run_.read_until(kStdout, "", 1),
              "descriptors: 0 1 2 3 7 31\nfrom host 3\nwrote 6\nwrote 5\nfrom host 7\nwrote -1\n");
    EXPECT_EQ(run_.read_until(31, "", 1), "to 31\n");
    EXPECT_EQ(run_.read_until(7, "", 1), "to 7\n");
    EXPECT_EQ(run_.next_frame_of(1).open_streams(), 0u);
    EXPECT_EQ(end_payload(), 42);
}

TEST_F(ExecutionStreams, PassedDescriptorsAreThePayloadsTooWhateverItsLimits) {
    run_.config().process.passed_fds = {{9, "w"}};
    run_.config().process.rlimits = {{"RLIMIT_NOFILE", 5, 5}};
    run_.probe({"write-fd", "9"});
    EXPECT_EQ(run_.run(), 0);
    EXPECT_EQ(run_.output(), "wrote 5\n");
    EXPECT_EQ(run_.read_until(9, ""), "to 9\n");
}

TEST_F(ExecutionStreams, FrameAndStreamsMayComeInAnyOrder) {
    start_payload();
    auto const config = run_.probe_to_execute({"say", "late"});
    run_.send_exec(1, config);
    for (uint32_t const stream : {kStderr, kStdin, kStdout}) run_.connect_stream(1, stream);
    EXPECT_EQ(run_.next_frame_of(1).type, FrameType::kStarted);
    EXPECT_EQ(run_.read_until(kStdout, "", 1), "late\n");
    EXPECT_EQ(run_.next_frame_of(1).status(), 0);
    EXPECT_EQ(end_payload(), 42);
}

TEST_F(ExecutionStreams, ProcessWhoseStreamsNeverComeFailsWithTheContainer) {
    start_payload();
    run_.send_exec(1, run_.probe_to_execute({"exit", "0"}));
    run_.connect_stream(1, kStdout);
    run_.signal(SIGTERM);
    EXPECT_EQ(next_refusal(1).text, "container not running");
    EXPECT_EQ(run_.finish(), 42);
}

TEST_F(ExecutionStreams, StreamOfAProcessThatHasEndedIsClosed) {
    start_payload();
    EXPECT_EQ(probe(1, {"exit", "0"}), 0);
    run_.connect_stream(1, 5);
    EXPECT_EQ(run_.read_until(5, "", 1), "");
    EXPECT_EQ(end_payload(), 42);
}

TEST_F(ExecutionStreams, SecondConnectionForAStreamIsClosed) {
    start_payload();
    run_.connect_stream(1, kStdout);
    auto const first = std::move(run_.port(kStdout, 1));
    run_.connect_again(1, kStdout);
    EXPECT_EQ(run_.read_until(kStdout, "", 1), "");
    EXPECT_EQ(end_payload(), 42);
}

TEST_F(ExecutionStreams, PeerThatIsNotTheHostIsRefused) {
    start_payload();
    auto const stranger = run_.connect_as_stranger();
    char byte;
    EXPECT_EQ(::read(stranger.borrow().raw(), &byte, 1), 0);
    EXPECT_EQ(probe(1, {"exit", "0"}), 0);
    EXPECT_EQ(end_payload(), 42);
}

}  // namespace
}  // namespace krun::init
