// SPDX-License-Identifier: Apache-2.0
#include <signal.h>
#include <sys/socket.h>

#include "base/bytes.h"
#include "tests/runtime/guest_side.h"

namespace krun::runtime {
namespace {

using control::FrameType;

using GuestSessionTest = test::GuestSide;

TEST_F(GuestSessionTest, PayloadExitCodeIsTheStatusAndHasNoReason) {
    run_payload();
    EXPECT_EQ(session_->phase(), GuestPhase::kRunning);
    send_body(FrameType::kExited, control::ExitedBody{42, 0, 0});
    ASSERT_EQ(session_->phase(), GuestPhase::kEnded);
    EXPECT_EQ(session_->end().exit_status, 42U);
    EXPECT_EQ(session_->end().reason, "");
}

TEST_F(GuestSessionTest, DeathBySignalIs128PlusItsNumber) {
    run_payload();
    send_body(FrameType::kExited, control::ExitedBody{0, 15, 0});
    EXPECT_EQ(session_->end().exit_status, 143U);
}

TEST_F(GuestSessionTest, DeathByASignalThatEndsNothingBreaksTheProtocol) {
    run_payload();
    send_body(FrameType::kExited, control::ExitedBody{0, SIGSTOP, 0});
    EXPECT_EQ(session_->end().exit_status, 255U);
}

TEST_F(GuestSessionTest, FramesMayArriveInAnyPieces) {
    control::HelloBody const body{control::kVersion};
    ByteWriter writer;
    writer.put(control::FrameHeader{sizeof body, static_cast<uint16_t>(FrameType::kHello), 0, 0}).put(body);
    auto const bytes = std::move(writer).take();
    for (auto const& one : bytes) send_bytes(std::span(&one, 1));
    EXPECT_EQ(session_->phase(), GuestPhase::kSetUp);
}

TEST_F(GuestSessionTest, FailureBeforeReadyCarriesCodeAndText) {
    hello();
    send_text(FrameType::kFailed, 127, "exec: \"foo\": executable file not found in $PATH");
    EXPECT_EQ(session_->end().exit_status, 127U);
    EXPECT_EQ(session_->end().reason, "exec: \"foo\": executable file not found in $PATH");
}

TEST_F(GuestSessionTest, FailureNeverBecomesASuccess) {
    hello();
    send_text(FrameType::kFailed, 0, "all is well");
    EXPECT_EQ(session_->end().exit_status, 255U);
}

TEST_F(GuestSessionTest, ControlBytesOfTheGuestAreEscapedInTheReason) {
    hello();
    send_text(FrameType::kFailed, 125, "a\x1b[31m\nb");
    EXPECT_EQ(session_->end().reason, "a\\x1b[31m\\x0ab");
}

TEST_F(GuestSessionTest, LostConnectionIsAnAbnormalEnd) {
    run_payload();
    init_.reset();
    pump();
    EXPECT_EQ(session_->end().exit_status, 255U);
    EXPECT_NE(session_->end().reason.find("closed its control connection"), std::string::npos);
}

TEST_F(GuestSessionTest, TheNetworkIsSentBetweenReadyAndStart) {
    auto const records = std::as_bytes(std::span("records", 7));
    EXPECT_FALSE(session_->set_up_network(records).ok());
    hello();
    EXPECT_FALSE(session_->set_up_network(records).ok());
    send_frame(FrameType::kReady);
    ASSERT_TRUE(session_->set_up_network(records).ok());
    ASSERT_TRUE(session_->start().ok());
    auto const header = received_header();
    EXPECT_EQ(header.type, static_cast<uint16_t>(FrameType::kNetwork));
    EXPECT_EQ(header.body_bytes, 7u);
    EXPECT_EQ(session_->set_up_network(records).error().code(), Errc::kBadState);
}

TEST_F(GuestSessionTest, ExitBeforeStartIsAProtocolError) {
    hello();
    send_frame(FrameType::kReady);
    send_body(FrameType::kExited, control::ExitedBody{0, 0, 0});
    EXPECT_EQ(session_->end().exit_status, 255U);
}

TEST_F(GuestSessionTest, ReadyWithoutHelloIsAProtocolError) {
    send_frame(FrameType::kReady);
    EXPECT_EQ(session_->end().exit_status, 255U);
}

TEST_F(GuestSessionTest, AnotherVersionIsRefused) {
    send_body(FrameType::kHello, control::HelloBody{control::kVersion + 1});
    EXPECT_NE(session_->end().reason.find("another version"), std::string::npos);
}

TEST_F(GuestSessionTest, BodyLongerThanTheCapEndsTheSessionUnread) {
    control::FrameHeader const header{control::kMaxGuestBodyBytes + 1,
                                      static_cast<uint16_t>(FrameType::kHello), 0, 0};
    send_bytes(std::as_bytes(std::span(&header, 1)));
    EXPECT_EQ(session_->phase(), GuestPhase::kEnded);
}

TEST_F(GuestSessionTest, ExitCodeAbove255IsAProtocolError) {
    run_payload();
    send_body(FrameType::kExited, control::ExitedBody{256, 0, 0});
    EXPECT_EQ(session_->end().exit_status, 255U);
}

TEST_F(GuestSessionTest, UnknownTypeAndUnknownProcessAreProtocolErrors) {
    send_frame(static_cast<FrameType>(999));
    EXPECT_EQ(session_->phase(), GuestPhase::kEnded);
    EXPECT_NE(session_->end().reason.find("message type 999"), std::string::npos);
}

TEST_F(GuestSessionTest, TheFirstEndCounts) {
    run_payload();
    send_body(FrameType::kExited, control::ExitedBody{3, 0, 0});
    session_->end_with({.reason = "the machine stopped"});
    EXPECT_EQ(session_->end().exit_status, 3U);
}

TEST_F(GuestSessionTest, StartIsRefusedUntilReadyAndASecondTime) {
    EXPECT_FALSE(session_->start().ok());
    hello();
    send_frame(FrameType::kReady);
    EXPECT_TRUE(session_->start().ok());
    EXPECT_EQ(received_header().type, static_cast<uint16_t>(FrameType::kStart));
    EXPECT_EQ(session_->start().error().message(), "cannot start an already running container");
}

TEST_F(GuestSessionTest, HostsTimeComesBeforeStartAndWheneverItIsTold) {
    EXPECT_FALSE(session_->tell_time().ok()) << "nobody listens yet";
    run_payload();
    EXPECT_EQ(received_header().type, static_cast<uint16_t>(FrameType::kStart));
    ASSERT_EQ(times_.size(), 1u);
    EXPECT_NEAR(static_cast<double>(times_[0]), static_cast<double>(::time(nullptr)) * 1e9, 60e9);
    EXPECT_TRUE(session_->tell_time().ok());
    EXPECT_TRUE(session_->signal(0, 15).ok());
    EXPECT_EQ(received_header().type, static_cast<uint16_t>(FrameType::kSignal));
    EXPECT_EQ(times_.size(), 2u);
}

TEST_F(GuestSessionTest, PluggedDeviceIsToldOfToARunningPayloadOnly) {
    EXPECT_EQ(session_->plugged(7).error().message(), "container not running");
    run_payload();
    received_header();  // start
    EXPECT_TRUE(session_->plugged(7).ok());
    auto const header = received_header();
    EXPECT_EQ(header.type, static_cast<uint16_t>(FrameType::kPlugged));
    EXPECT_EQ(header.body_bytes, sizeof(control::PluggedBody));
}

TEST_F(GuestSessionTest, SignalGoesToARunningPayloadOnly) {
    EXPECT_EQ(session_->signal(0, 15).error().message(), "container not running");
    run_payload();
    received_header();  // start
    EXPECT_TRUE(session_->signal(0, 15).ok());
    EXPECT_EQ(received_header().type, static_cast<uint16_t>(FrameType::kSignal));
}

TEST_F(GuestSessionTest, PhasesAreReportedInOrder) {
    run_payload();
    send_body(FrameType::kExited, control::ExitedBody{0, 0, 0});
    EXPECT_EQ(changes_, (std::vector{GuestPhase::kSetUp, GuestPhase::kReady, GuestPhase::kRunning,
                                     GuestPhase::kEnded}));
}

TEST_F(GuestSessionTest, KilledWhileItWaitsForStartIsAnEndBySignal) {
    hello();
    send_frame(FrameType::kReady);
    send_body(FrameType::kExited, control::ExitedBody{0, 9, 0});
    EXPECT_EQ(session_->end().exit_status, 137U);
    EXPECT_TRUE(session_->end().output_handed_over);
}

TEST_F(GuestSessionTest, OutputOfAFailureBeforeTheProgramRanIsNotAwaited) {
    hello();
    send_text(FrameType::kFailed, 127, "no such program");
    EXPECT_FALSE(session_->end().output_handed_over);
}

TEST_F(GuestSessionTest, ExecutedProcessIsNumberedAndItsStoryTold) {
    run_payload();
    received_header();  // start
    auto const process = session_->exec("{}");
    ASSERT_TRUE(process.ok());
    auto const header = received_header();
    EXPECT_EQ(header.type, static_cast<uint16_t>(FrameType::kExec));
    EXPECT_EQ(header.process, process.value());
    EXPECT_EQ(header.body_bytes, 2U);
    send_frame(FrameType::kStarted, {}, process.value());
    control::ExitedBody const exit{7, 0, 2};
    send_frame(FrameType::kExited, std::as_bytes(std::span(&exit, 1)), process.value());
    ASSERT_EQ(events_.size(), 2U);
    EXPECT_EQ(events_[0].second.kind, ProcessEvent::Kind::kStarted);
    EXPECT_EQ(events_[1].second.kind, ProcessEvent::Kind::kExited);
    EXPECT_EQ(events_[1].second.code, 7U);
    EXPECT_EQ(events_[1].second.open_streams, 2U);
    EXPECT_EQ(session_->phase(), GuestPhase::kRunning);
}

TEST_F(GuestSessionTest, NumbersOfProcessesAreNeverUsedAgain) {
    run_payload();
    auto const first = session_->exec("{}").value();
    send_text_of(first, 127);
    EXPECT_NE(session_->exec("{}").value(), first);
}

TEST_F(GuestSessionTest, AWordAboutAProcessThatHasEndedIsAProtocolError) {
    run_payload();
    auto const process = session_->exec("{}").value();
    send_text_of(process, 127);
    EXPECT_EQ(session_->phase(), GuestPhase::kRunning);
    send_text_of(process, 127);
    EXPECT_EQ(session_->end().exit_status, 255U);
}

TEST_F(GuestSessionTest, AStatusOfAProcessThatNeverStartedIsAProtocolErrorUnlessItWasKilled) {
    run_payload();
    auto const killed = session_->exec("{}").value();
    control::ExitedBody const by_signal{0, 9, 0};
    send_frame(FrameType::kExited, std::as_bytes(std::span(&by_signal, 1)), killed);
    EXPECT_EQ(session_->phase(), GuestPhase::kRunning);
    auto const silent = session_->exec("{}").value();
    control::ExitedBody const by_itself{0, 0, 0};
    send_frame(FrameType::kExited, std::as_bytes(std::span(&by_itself, 1)), silent);
    EXPECT_EQ(session_->phase(), GuestPhase::kEnded);
}

TEST_F(GuestSessionTest, ExecIsRefusedBeforeThePayloadIsReady) {
    EXPECT_EQ(session_->exec("{}").error().message(), "container not running");
    hello();
    EXPECT_FALSE(session_->exec("{}").ok());
    send_frame(FrameType::kReady);
    EXPECT_TRUE(session_->exec("{}").ok());
}

TEST_F(GuestSessionTest, WhatTheSocketDoesNotTakeAtOnceFollows) {
    run_payload();
    received_header();  // start
    std::string const config(control::kMaxHostBodyBytes, ' ');
    ASSERT_TRUE(session_->exec(config).ok());
    size_t received = 0;
    std::vector<std::byte> buffer(1 << 20);
    for (int i = 0; i < 10000 && received < config.size() + sizeof(control::FrameHeader); ++i) {
        pump();
        ssize_t const n = ::recv(init_.borrow().raw(), buffer.data(), buffer.size(), MSG_DONTWAIT);
        if (n > 0) received += static_cast<size_t>(n);
    }
    EXPECT_EQ(received, config.size() + sizeof(control::FrameHeader));
}

TEST_F(GuestSessionTest, AGuestThatReadsNothingIsNotFedWithoutEnd) {
    run_payload();
    std::string const config(control::kMaxHostBodyBytes, ' ');
    int sent = 0;
    while (sent < 10 && session_->exec(config).ok()) ++sent;
    EXPECT_LT(sent, 6);
}

TEST_F(GuestSessionTest, NotificationsArePassedOnAndALongOneIsAProtocolError) {
    run_payload();
    send_frame(FrameType::kNotify, std::as_bytes(std::span(std::string_view("READY=1"))));
    EXPECT_EQ(notes_, std::vector<std::string>{"READY=1"});
    send_frame(FrameType::kNotify, std::vector<std::byte>(4097));
    EXPECT_EQ(session_->phase(), GuestPhase::kEnded);
}

TEST_F(GuestSessionTest, ConnectionsToTheHostsSocketsAreAskedForAndRefused) {
    run_payload();
    send_body(FrameType::kConnect, control::ConnectBody{7, 3});
    ASSERT_EQ(wanted_.size(), 1u);
    EXPECT_EQ(wanted_[0].connection, 7u);
    EXPECT_EQ(wanted_[0].socket, 3u);
    EXPECT_TRUE(session_->refuse(wanted_[0]).ok());
    EXPECT_EQ(session_->phase(), GuestPhase::kRunning);
}

TEST_F(GuestSessionTest, CgroupAnswersGoToTheirQuestionsInOrder) {
    EXPECT_FALSE(session_->cgroup_file("memory.max", {}).ok());  // nobody is there to answer
    run_payload();
    std::vector<std::string> answers;
    auto const note = [&](Result<std::string> const& answer) {
        answers.push_back(answer.ok() ? answer.value() : answer.error().message());
    };
    ASSERT_TRUE(session_->cgroup_file("memory.max", note).ok());
    ASSERT_TRUE(session_->cgroup_file("pids.max\n5", note).ok());
    ASSERT_TRUE(session_->cgroup_file("cpu.max", note).ok());
    send_text(FrameType::kCgroupAnswer, 0, "4096\n");
    send_text(FrameType::kCgroupAnswer, EINVAL, "");
    EXPECT_EQ(answers, (std::vector<std::string>{"4096\n", "in the guest: Invalid argument"}));
    init_.reset();
    pump();
    EXPECT_EQ(answers.back(), "container not running");
    EXPECT_EQ(answers.size(), 3U);
}

TEST_F(GuestSessionTest, CgroupAnswerWithoutAQuestionBreaksTheProtocol) {
    run_payload();
    send_text(FrameType::kCgroupAnswer, 0, "4096\n");
    EXPECT_EQ(session_->end().exit_status, 255U);
    EXPECT_NE(session_->end().reason.find("untimely \"cgroup answer\""), std::string::npos);
}

}  // namespace
}  // namespace krun::runtime
