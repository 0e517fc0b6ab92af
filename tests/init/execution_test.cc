// SPDX-License-Identifier: Apache-2.0
// Processes that are executed in a running container.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include "base/fd.h"
#include "execution_fixture.h"
#include "init/terminal.h"

namespace krun::init {
namespace {

using control::FrameType;
using ::testing::HasSubstr;

TEST_F(ExecutionTest, OutputAndExitCodeAreItsOwn) {
    start_payload();
    EXPECT_EQ(probe(1, {"say", "hello", ",", "exit", "7"}), 7);
    EXPECT_EQ(output_, "hello\n");
    EXPECT_EQ(end_.open_streams(), 0u);
    EXPECT_EQ(end_payload(), 42);
}

TEST_F(ExecutionTest, IsInThePayloadsNamespacesAndItsOwnSession) {
    run_.config().hostname = "box";
    start_payload();
    EXPECT_EQ(probe(1, {"names", ",", "namespaces", "/proc/1/ns", ",", "ids"}), 0);
    EXPECT_THAT(output_, HasSubstr("host=box"));
    EXPECT_THAT(output_, HasSubstr("same namespaces: cgroup ipc mnt net pid uts user\n"));
    EXPECT_THAT(output_, ::testing::ContainsRegex("pid=([0-9]+) sid=[0-9]+ "));
}

TEST_F(ExecutionTest, HoldsNoDescriptorButItsStreams) {
    start_payload();
    EXPECT_EQ(probe(1, {"descriptors"}), 0);
    EXPECT_EQ(output_, "descriptors: 0 1 2\n");
}

// From its first instruction on.
TEST_F(ExecutionTest, NeverHoldsAnythingOfInits) {
    run_.probe({"hunt"});
    start_payload();
    for (uint32_t n = 1; n <= 40; ++n) EXPECT_EQ(probe(n, {"exit", "3"}), 3);
    for (int i = 0; i < 20; ++i) run_.signal_all(SIGCONT);
    // One that is there when the hunt ends.
    run_.execute(41, run_.probe_to_execute({"wait-term"}));
    run_.read_until(kStdout, "waiting", 41);
    run_.signal(SIGTERM);
    EXPECT_THAT(run_.read_until(kStdout, ""), ::testing::ContainsRegex("caught [1-9][0-9]*, loot 0\n"));
    EXPECT_EQ(run_.next_frame_of(0).status(), 0);
}

TEST_F(ExecutionTest, WorksBeforeThePayloadIsStarted) {
    run_.launch();
    EXPECT_EQ(run_.next_frame().type, FrameType::kHello);
    EXPECT_EQ(run_.next_frame().type, FrameType::kReady);
    EXPECT_EQ(probe(5, {"exit", "3"}), 3);
    run_.send(FrameType::kStart);
    EXPECT_EQ(run_.next_frame_of(0).type, FrameType::kStarted);
    run_.read_until(kStdout, "waiting");
    EXPECT_EQ(end_payload(), 42);
}

TEST_F(ExecutionTest, DeathBySignalIsThatSignal) {
    start_payload();
    run_.execute(1, run_.probe_to_execute({"wait-term"}));
    EXPECT_EQ(run_.next_frame_of(1).type, FrameType::kStarted);
    run_.read_until(kStdout, "waiting", 1);
    run_.signal(SIGKILL, 1);
    EXPECT_EQ(run_.next_frame_of(1).status(), 128 + SIGKILL);
    EXPECT_EQ(end_payload(), 42);
}

TEST_F(ExecutionTest, EndsWithThePayloadAndIsReportedFirst) {
    start_payload();
    for (uint32_t n = 1; n <= 3; ++n) run_.execute(n, run_.probe_to_execute({"wait-term"}));
    for (uint32_t n = 1; n <= 3; ++n) {
        EXPECT_EQ(run_.next_frame_of(n).type, FrameType::kStarted);
        run_.read_until(kStdout, "waiting", n);
    }
    run_.signal(SIGTERM);
    std::vector<uint32_t> order;
    for (int i = 0; i < 4; ++i) {
        auto const frame = run_.next_frame();
        EXPECT_EQ(frame.status(), frame.process == 0 ? 42 : 128 + SIGKILL);
        order.push_back(frame.process);
    }
    EXPECT_EQ(order.back(), 0u);
}

TEST_F(ExecutionTest, FiftyAtOnceEachGetTheirOwnOutputAndStatus) {
    start_payload();
    constexpr uint32_t kMany = 50;
    for (uint32_t n = 1; n <= kMany; ++n) {
        auto const number = std::to_string(n);
        run_.execute(n, run_.probe_to_execute({"copy", ",", "say", number, ",", "exit", number}));
    }
    // All of them live at the same time: each waits for its input.
    for (uint32_t n = 1; n <= kMany; ++n) ASSERT_EQ(run_.next_frame_of(n).type, FrameType::kStarted);
    for (uint32_t n = 1; n <= kMany; ++n) run_.port(kStdin, n).reset();
    for (uint32_t n = 1; n <= kMany; ++n) {
        EXPECT_EQ(run_.read_until(kStdout, "", n), std::to_string(n) + "\n");
        EXPECT_EQ(run_.next_frame_of(n).status(), static_cast<int>(n));
    }
    EXPECT_EQ(end_payload(), 42);
}

TEST_F(ExecutionTest, SignalsReachTheOneTheyAreMeantForRealTimeOnesToo) {
    start_payload();
    for (uint32_t const number : {1U, 15U, 34U, 64U}) {
        run_.execute(number, run_.probe_to_execute({"wait-for", std::to_string(number)}));
        EXPECT_EQ(run_.next_frame_of(number).type, FrameType::kStarted);
        run_.read_until(kStdout, "waiting", number);
    }
    for (uint32_t const number : {64U, 34U, 15U, 1U}) {
        run_.signal(number, number);
        EXPECT_EQ(run_.next_frame_of(number).status(), static_cast<int>(number));
    }
    EXPECT_EQ(end_payload(), 42);
}

TEST_F(ExecutionTest, SignalToAllReachesThePayloadItsChildrenAndTheExecuted) {
    run_.probe({"talker", ",", "wait-term"});
    start_payload();
    run_.execute(1, run_.probe_to_execute({"wait-for", std::to_string(SIGUSR1)}));
    EXPECT_EQ(run_.next_frame_of(1).type, FrameType::kStarted);
    run_.read_until(kStdout, "waiting", 1);
    run_.signal_all(SIGUSR1);
    EXPECT_EQ(run_.next_frame_of(1).status(), SIGUSR1);
    EXPECT_EQ(run_.read_until(kStdout, "talker\n"), "talker\n");
    run_.signal_all(SIGTERM);
    EXPECT_EQ(run_.finish(), 42);
}

// The payload's end would end the others before the signal reaches them.
TEST_F(ExecutionTest, SignalToAllReachesThePayloadLast) {
    run_.probe({"wait-for", std::to_string(SIGUSR1)});
    start_payload();
    run_.execute(1, run_.probe_to_execute({"wait-term"}));
    EXPECT_EQ(run_.next_frame_of(1).type, FrameType::kStarted);
    run_.read_until(kStdout, "waiting", 1);
    run_.signal_all(SIGUSR1);
    EXPECT_EQ(run_.next_frame_of(1).status(), 128 + SIGUSR1);
    EXPECT_EQ(run_.finish(), SIGUSR1);
}

TEST_F(ExecutionTest, SignalToAllThatKillsEndsEverything) {
    start_payload();
    run_.execute(1, run_.probe_to_execute({"wait-term"}));
    EXPECT_EQ(run_.next_frame_of(1).type, FrameType::kStarted);
    run_.signal_all(SIGKILL);
    EXPECT_EQ(run_.next_frame_of(1).status(), 128 + SIGKILL);
    EXPECT_EQ(run_.finish(), 128 + SIGKILL);
}

TEST_F(ExecutionTest, SignalThatComesBeforeTheStreamsMeetsTheProcess) {
    start_payload();
    auto const config = run_.probe_to_execute({"wait-term"});
    run_.send_exec(1, config);
    run_.signal(SIGKILL, 1);
    run_.connect_streams(1, config.process);
    auto frame = run_.next_frame_of(1);
    // Killed while it is set up, or just after: both have one end.
    if (frame.type == FrameType::kStarted) frame = run_.next_frame_of(1);
    EXPECT_TRUE(frame.status() == 128 + SIGKILL || frame.type == FrameType::kFailed);
    EXPECT_EQ(end_payload(), 42);
}

TEST_F(ExecutionTest, UserOfAnExecutedProcessIsItsOwn) {
    start_payload();
    auto config = run_.probe_to_execute({"ids", ",", "write-path", "/dev/stdout"});
    config.process.user = {1000, 2000, 0077, {5}, {}, {}};
    EXPECT_EQ(execute(1, config), 0);
    EXPECT_THAT(output_, HasSubstr("uid=1000/1000 gid=2000/2000 umask=0077 groups=5 \n"));
    EXPECT_THAT(output_, HasSubstr("by path\n"));
    EXPECT_EQ(end_payload(), 42);
}

TEST_F(ExecutionTest, PrivilegesAndLimitsAreItsOwn) {
    start_payload();
    auto config = run_.probe_to_execute({"file", "/proc/self/status", ",", "file", "/proc/self/limits", ",",
                                         "file", "/proc/self/oom_score_adj"});
    config.process.capabilities = {.bounding = {"CAP_KILL"},
                                   .effective = {"CAP_KILL"},
                                   .inheritable = {},
                                   .permitted = {"CAP_KILL"},
                                   .ambient = {}};
    config.process.no_new_privileges = true;
    config.process.rlimits = {{"RLIMIT_NOFILE", 100, 200}};
    config.process.oom_score_adj = 123;
    EXPECT_EQ(execute(1, config), 0);
    EXPECT_THAT(output_, HasSubstr("CapBnd:\t0000000000000020\n"));
    EXPECT_THAT(output_, HasSubstr("CapEff:\t0000000000000020\n"));
    EXPECT_THAT(output_, HasSubstr("NoNewPrivs:\t1\n"));
    EXPECT_THAT(output_, ::testing::ContainsRegex("Max open files +100 +200 "));
    EXPECT_THAT(output_, HasSubstr("\n123\n"));
    EXPECT_EQ(end_payload(), 42);
}

TEST_F(ExecutionTest, TerminalIsOfTheContainersDevptsAndNotTheConsole) {
    start_payload();
    auto config = run_.probe_to_execute({"tty", ",", "stat", "/dev/console"});
    config.process.terminal = true;
    config.process.console_size = guest::ConsoleSize{30, 100};
    EXPECT_EQ(execute(1, config), 0);
    EXPECT_THAT(output_, HasSubstr("tty=111 rows=30 columns=100 foreground=1 name=/dev/pts/0\r\n"));
    EXPECT_THAT(output_, HasSubstr("/dev/console: errno 2"));
    EXPECT_EQ(end_payload(), 42);
}

TEST_F(ExecutionTest, TerminalOfAnotherDriverIsRefusedBeforeItIsAskedAnything) {
    run_.config().mounts.push_back({"/dev/pts", "tmpfs", "tmpfs", {}});
    run_.config().mounts.push_back({"/dev/pts/ptmx", "bind", "/dev/null", {"bind"}});
    start_payload();
    auto config = run_.probe_to_execute({"tty"});
    config.process.terminal = true;
    EXPECT_EQ(refusal(1, config).text, "open a terminal: /dev/pts/ptmx is no terminal multiplexer");
    EXPECT_EQ(end_payload(), 42);
}

TEST(TerminalMaster, IsTheMultiplexersAlone) {
    auto const is_master = [](char const* path) {
        auto const file = open_path(path, O_RDWR | O_NOCTTY);
        return file.ok() && is_terminal_master(file.value().borrow());
    };
    EXPECT_TRUE(is_master("/dev/ptmx"));
    EXPECT_FALSE(is_master("/dev/null"));
    EXPECT_FALSE(is_master("/proc/self/oom_score_adj"));
    auto const pipe = make_pipe().value();
    EXPECT_FALSE(is_terminal_master(pipe.first.borrow()));
}

TEST_F(ExecutionTest, ResizeReachesItsTerminal) {
    start_payload();
    auto config = run_.probe_to_execute({"wait-resize"});
    config.process.terminal = true;
    run_.execute(1, config);
    EXPECT_EQ(run_.next_frame_of(1).type, FrameType::kStarted);
    run_.read_until(kTerminal, "waiting", 1);
    run_.send(FrameType::kResize, {std::byte{50}, std::byte{0}, std::byte{132}, std::byte{0}}, 1);
    EXPECT_THAT(run_.read_until(kTerminal, "", 1), HasSubstr("rows=50 columns=132"));
    EXPECT_EQ(run_.next_frame_of(1).status(), 0);
    EXPECT_EQ(end_payload(), 42);
}

TEST_F(ExecutionTest, MissingWorkingDirectoryIsAnErrorAndNotCreated) {
    start_payload();
    auto config = run_.probe_to_execute({"cwd"});
    config.process.cwd = "/no/such";
    auto const got = refusal(1, config);
    EXPECT_EQ(got.exit_code, 125u);
    EXPECT_EQ(got.text, "chdir to cwd \"/no/such\" set in config.json failed: no such file or directory");
    EXPECT_FALSE(std::filesystem::exists(run_.rootfs() / "no"));
    EXPECT_EQ(end_payload(), 42);
}

TEST_F(ExecutionTest, MissingProgramIs127AndTheContainerGoesOn) {
    start_payload();
    auto config = run_.probe_to_execute({});
    config.process.args = {"nosuch"};
    auto const got = refusal(1, config);
    EXPECT_EQ(got.exit_code, 127u);
    EXPECT_EQ(got.text, "exec: \"nosuch\": executable file not found in $PATH");
    EXPECT_EQ(probe(2, {"exit", "4"}), 4);
    EXPECT_EQ(end_payload(), 42);
}

TEST_F(ExecutionTest, CgroupOfAContainerWithoutOneIsAnError) {
    start_payload();
    auto config = run_.probe_to_execute({});
    config.cgroup = "below";
    EXPECT_EQ(refusal(1, config).text, "the container has no cgroup of its own");
    EXPECT_EQ(end_payload(), 42);
}

}  // namespace
}  // namespace krun::init
