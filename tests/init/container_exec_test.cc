// SPDX-License-Identifier: Apache-2.0
// Programs that cannot be run, terminals and seccomp, in whole containers.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>

#include "base/base64.h"
#include "container_run.h"

namespace krun::init {
namespace {

using control::FrameType;
using ::testing::HasSubstr;

class ContainerExec : public ::testing::Test {
protected:
    void SetUp() override {
        if (auto const why = ContainerRun::why_impossible(); !why.empty()) GTEST_SKIP() << "skipped: " << why;
    }
    struct Refusal {
        uint32_t exit_code = 0;
        std::string text;
    };
    // Runs init until it refuses; `before_ready` says whether `create` fails or `start`.
    Refusal refusal(bool before_ready) {
        run_.launch();
        EXPECT_EQ(run_.next_frame().type, FrameType::kHello);
        if (!before_ready) {
            EXPECT_EQ(run_.next_frame().type, FrameType::kReady);
            run_.send(FrameType::kStart);
        }
        auto const frame = run_.next_frame();
        EXPECT_EQ(frame.type, FrameType::kFailed);
        Refusal out{0, run_.failure_text()};
        if (frame.body.size() >= sizeof out.exit_code) std::memcpy(&out.exit_code, frame.body.data(), 4);
        return out;
    }
    void use_filter(std::vector<sock_filter> const& program) {
        run_.config().krun.seccomp = encode_base64(std::as_bytes(std::span(program)));
    }
    ContainerRun run_;
};

// getcwd() fails with EXDEV, everything else is allowed.
std::vector<sock_filter> const kNoGetcwd = {
    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getcwd, 0, 1),
    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EXDEV),
    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
};

TEST_F(ContainerExec, MissingProgramFailsTheCreateWith127) {
    run_.config().process.args = {"nosuch"};
    auto const got = refusal(/*before_ready=*/true);
    EXPECT_EQ(got.exit_code, 127u);
    EXPECT_EQ(got.text, "exec: \"nosuch\": executable file not found in $PATH");
}

TEST_F(ContainerExec, DirectoryFailsTheCreateWith126) {
    run_.config().process.args = {"/bin"};
    auto const got = refusal(/*before_ready=*/true);
    EXPECT_EQ(got.exit_code, 126u);
    EXPECT_EQ(got.text, "exec: \"/bin\": is a directory: permission denied");
}

TEST_F(ContainerExec, UnknownFormatFailsTheStartWith126) {
    std::ofstream(run_.rootfs() / "bin/noise") << "no program";
    std::filesystem::permissions(run_.rootfs() / "bin/noise", std::filesystem::perms(0755));
    run_.config().process.args = {"noise"};
    auto const got = refusal(/*before_ready=*/false);
    EXPECT_EQ(got.exit_code, 126u);
    EXPECT_EQ(got.text, "exec /bin/noise: exec format error");
}

TEST_F(ContainerExec, MissingInterpreterFailsTheStartWith127) {
    std::ofstream(run_.rootfs() / "bin/script") << "#!/no/shell\n";
    std::filesystem::permissions(run_.rootfs() / "bin/script", std::filesystem::perms(0755));
    run_.config().process.args = {"script"};
    auto const got = refusal(/*before_ready=*/false);
    EXPECT_EQ(got.exit_code, 127u);
    EXPECT_EQ(got.text, "exec /bin/script: no such file or directory");
}

TEST_F(ContainerExec, ProgramIsJudgedAsThePayloadsUser) {
    std::ofstream(run_.rootfs() / "bin/private") << "#!/bin/probe\n";
    std::filesystem::permissions(run_.rootfs() / "bin/private", std::filesystem::perms(0700));
    run_.config().process.args = {"private"};
    run_.config().process.capabilities = {};  // CAP_DAC_OVERRIDE would let it in
    run_.config().process.user.uid = 1000;
    auto const got = refusal(/*before_ready=*/true);
    EXPECT_EQ(got.exit_code, 126u);
    EXPECT_EQ(got.text, "exec: \"private\": permission denied");
}

TEST_F(ContainerExec, FilterWithNoNewPrivilegesIsInForce) {
    use_filter(kNoGetcwd);
    run_.config().process.no_new_privileges = true;
    run_.config().process.user.uid = 1000;
    run_.probe({"cwd", ",", "file", "/proc/self/status"});
    EXPECT_EQ(run_.run(), 0);
    EXPECT_THAT(run_.output(), HasSubstr("cwd=?\n"));
    EXPECT_THAT(run_.output(), HasSubstr("Seccomp:\t2\n"));
}

TEST_F(ContainerExec, FilterWithoutNoNewPrivilegesLeavesNoCapabilityBehind) {
    use_filter(kNoGetcwd);
    run_.config().process.user.uid = 1000;
    run_.config().process.capabilities = {};
    run_.probe({"cwd", ",", "file", "/proc/self/status"});
    EXPECT_EQ(run_.run(), 0);
    EXPECT_THAT(run_.output(), HasSubstr("cwd=?\n"));
    EXPECT_THAT(run_.output(), HasSubstr("NoNewPrivs:\t0\n"));
    EXPECT_THAT(run_.output(), HasSubstr("CapPrm:\t0000000000000000\n"));
    EXPECT_THAT(run_.output(), HasSubstr("CapEff:\t0000000000000000\n"));
    EXPECT_THAT(run_.output(), HasSubstr("CapBnd:\t0000000000000000\n"));
}

TEST_F(ContainerExec, BrokenFilterFailsTheCreate) {
    run_.config().krun.seccomp = "AAAA";
    EXPECT_EQ(refusal(/*before_ready=*/true).text, "seccomp: not a BPF program");
}

using ContainerHooks = ContainerExec;

TEST_F(ContainerHooks, RunBetweenStartAndTheProgramAndReadTheState) {
    run_.config().krun.state = R"({"status":"created"})";
    run_.config().krun.start_container_hooks = {
        {"/bin/probe", {"probe", "create", "/tmp/first"}, {{"A=1"}}, 0},
        {"/bin/probe", {"probe", "tee", "/tmp/second", ",", "descriptors"}, {}, 10},
    };
    run_.config().process.passed_fds = {{5, "w"}};
    run_.probe({"stat", "/tmp/first", ",", "file", "/tmp/second"});
    run_.launch();
    EXPECT_EQ(run_.next_frame().type, FrameType::kHello);
    EXPECT_EQ(run_.next_frame().type, FrameType::kReady);
    run_.send(FrameType::kStart);
    EXPECT_EQ(run_.next_frame().type, FrameType::kStarted) << run_.failure_text();
    EXPECT_EQ(run_.finish(), 0);
    EXPECT_THAT(run_.output(), HasSubstr("/tmp/first: mode=100644"));
    EXPECT_THAT(run_.output(), HasSubstr(R"({"status":"created"}descriptors: 0 1 2)"));
}

TEST_F(ContainerHooks, EnvironmentIsTheirOwnOrThePayloadsWithItsHome) {
    run_.config().krun.start_container_hooks = {
        {"/bin/probe", {"probe", "tee", "/tmp/own", ",", "env"}, {{"A=1"}}, 0},
        {"/bin/probe", {"probe", "tee", "/tmp/none", ",", "env"}, {{}}, 0},
        {"/bin/probe", {"probe", "tee", "/tmp/payloads", ",", "env"}, {}, 0}};
    run_.config().process.env = {"B=2"};
    run_.probe({"file", "/tmp/own", ",", "file", "/tmp/none", ",", "file", "/tmp/payloads"});
    EXPECT_EQ(run_.run(), 0);
    EXPECT_EQ(run_.output(), "A=1\nB=2\nHOME=/\n");
}

TEST_F(ContainerHooks, FailureEndsTheContainerWithItsStatusAndWords) {
    run_.config().krun.start_container_hooks = {
        {"/bin/probe", {}, {}, 0}, {"/bin/probe", {"probe", "error", "no luck", ",", "exit", "3"}, {}, 0}};
    auto const got = refusal(/*before_ready=*/false);
    EXPECT_EQ(got.exit_code, 125u);
    EXPECT_EQ(got.text, "startContainer hook #1: exit status 3: no luck");
}

TEST_F(ContainerHooks, MissingOneFails) {
    run_.config().krun.start_container_hooks = {{"/no/such", {}, {}, 0}};
    EXPECT_EQ(refusal(/*before_ready=*/false).text,
              "startContainer hook #0: exit status 127: exec /no/such: no such file or directory");
}

TEST_F(ContainerHooks, OneThatTakesTooLongIsKilled) {
    run_.config().krun.start_container_hooks = {{"/bin/probe", {"probe", "wait-term"}, {}, 1}};
    EXPECT_EQ(refusal(/*before_ready=*/false).text, "startContainer hook #0: took longer than 1 s");
}

class ContainerTerminal : public ContainerExec {
protected:
    void SetUp() override {
        ContainerExec::SetUp();
        run_.config().process.terminal = true;
        run_.config().process.console_size = guest::ConsoleSize{24, 80};
    }
};

TEST_F(ContainerTerminal, IsControllingSizedAndInTheForeground) {
    run_.probe({"tty", ",", "stat", "/dev/console", ",", "stat", "/dev/pts/0"});
    EXPECT_EQ(run_.run(), 0);
    EXPECT_THAT(run_.output(), HasSubstr("tty=111 rows=24 columns=80 foreground=1 name=/dev/pts/0\r\n"));
    EXPECT_THAT(run_.output(), HasSubstr("/dev/console: mode=020620 rdev=136:0"));
}

TEST_F(ContainerTerminal, BelongsToTheUser) {
    run_.config().process.user.uid = 1000;
    run_.probe({"stat", "/dev/pts/0", ",", "write-path", "/dev/tty"});
    EXPECT_EQ(run_.run(), 0);
    EXPECT_THAT(run_.output(), HasSubstr("uid=1000"));
    EXPECT_THAT(run_.output(), HasSubstr("by path\r\n"));
}

TEST_F(ContainerTerminal, InterruptCharacterSignalsThePayload) {
    run_.probe({"say", "up", ",", "wait-term"});
    run_.run_to_start();
    run_.read_until(kTerminal, "waiting");
    ASSERT_EQ(::write(run_.port(kTerminal).borrow().raw(), "\x03", 1), 1);
    // PID 1 without a handler survives ^C, as it does under runc; its echo shows that the line discipline is
    // there.
    EXPECT_THAT(run_.read_until(kTerminal, "^C"), HasSubstr("^C"));
    run_.signal(SIGTERM);
    EXPECT_EQ(run_.finish(), 42);
}

TEST_F(ContainerTerminal, ResizeReachesTheForeground) {
    run_.probe({"wait-resize"});
    run_.run_to_start();
    run_.read_until(kTerminal, "waiting");
    run_.send(FrameType::kResize, {std::byte{50}, std::byte{0}, std::byte{132}, std::byte{0}});
    EXPECT_EQ(run_.finish(), 0);
    EXPECT_THAT(run_.output(), HasSubstr("rows=50 columns=132"));
}

TEST_F(ContainerTerminal, LostConsoleHangsUpThePayload) {
    run_.probe({"wait-term"});
    run_.run_to_start();
    run_.read_until(kTerminal, "waiting");
    run_.port(kTerminal).reset();
    // SIGHUP is ignored by a PID 1 without a handler; what it can see is that its terminal is gone.
    run_.signal(SIGTERM);
    EXPECT_EQ(run_.finish(), 42);
}

TEST_F(ContainerTerminal, WithoutDevptsSaysSo) {
    std::erase_if(run_.config().mounts, [](auto const& mount) { return mount.destination == "/dev/pts"; });
    EXPECT_EQ(refusal(/*before_ready=*/true).text,
              "open a terminal: open \"/dev/pts/ptmx\": No such file or directory");
}

}  // namespace
}  // namespace krun::init
