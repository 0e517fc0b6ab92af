// SPDX-License-Identifier: Apache-2.0
// Whole containers, less the virtual machine around them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "container_run.h"

namespace krun::init {
namespace {

using control::FrameType;
using ::testing::HasSubstr;
using ::testing::Not;

class Container : public ::testing::Test {
protected:
    void SetUp() override {
        if (auto const why = ContainerRun::why_impossible(); !why.empty()) GTEST_SKIP() << "skipped: " << why;
    }
    static void write(std::filesystem::path const& path, std::string const& text) {
        std::filesystem::create_directories(path.parent_path());
        std::ofstream(path) << text;
    }
    ContainerRun run_;
};

TEST_F(Container, ExitCodeIsReported) {
    run_.probe({"say", "hello", ",", "exit", "7"});
    EXPECT_EQ(run_.run(), 7);
    EXPECT_EQ(run_.output(), "hello\n");
}

TEST_F(Container, DeathBySignalIsReportedAsThatSignal) {
    run_.probe({"wait-term"});
    run_.run_to_start();
    EXPECT_THAT(run_.read_until(kStdout, "waiting"), HasSubstr("waiting"));
    run_.signal(SIGKILL);
    EXPECT_EQ(run_.finish(), 128 + SIGKILL);
}

TEST_F(Container, HandledSignalReachesThePayload) {
    run_.probe({"wait-term"});
    run_.run_to_start();
    run_.read_until(kStdout, "waiting");
    run_.signal(SIGTERM);
    EXPECT_EQ(run_.finish(), 42);
}

TEST_F(Container, UnhandledTermIsIgnoredByPidOne) {
    run_.probe({"say", "up", ",", "copy", ",", "exit", "5"});
    run_.run_to_start();
    run_.read_until(kStdout, "up");
    run_.signal(SIGTERM);
    ASSERT_EQ(::write(run_.port(kStdin).borrow().raw(), "alive\n", 6), 6);
    run_.port(kStdin).reset();
    EXPECT_EQ(run_.finish(), 5);
    EXPECT_EQ(run_.output(), "alive\n");
}

TEST_F(Container, PayloadIsPidOneOfItsOwnNamespaceAndLeadsASession) {
    run_.probe({"ids"});
    EXPECT_EQ(run_.run(), 0);
    EXPECT_THAT(run_.output(), HasSubstr("pid=1 sid=1 uid=0/0 gid=0/0 umask=0022"));
}

TEST_F(Container, KillBeforeStartEndsTheContainerWithThatSignal) {
    run_.probe({"exit", "0"});
    run_.launch();
    EXPECT_EQ(run_.next_frame().type, FrameType::kHello);
    EXPECT_EQ(run_.next_frame().type, FrameType::kReady);
    run_.signal(SIGKILL);
    EXPECT_EQ(run_.finish(), 128 + SIGKILL);
}

TEST_F(Container, OrphanThatHoldsStandardOutputDiesWithPidOne) {
    run_.probe({"orphan", ",", "say", "bye"});
    EXPECT_EQ(run_.run(), 0);
    EXPECT_EQ(run_.output(), "bye\n");
}

TEST_F(Container, StandardStreamsStayApart) {
    run_.probe({"say", "out", ",", "error", "err"});
    EXPECT_EQ(run_.run(), 0);
    EXPECT_EQ(run_.output(), "out\n");
    EXPECT_EQ(run_.error_output(), "err\n");
}

TEST_F(Container, UserMayOpenItsStandardOutputAgain) {
    run_.config().process.user.uid = 1000;
    run_.config().process.user.gid = 1000;
    run_.probe({"write-path", "/dev/stdout"});
    EXPECT_EQ(run_.run(), 0);
    EXPECT_EQ(run_.output(), "by path\n");
}

TEST_F(Container, LargeOutputArrivesWhole) {
    constexpr size_t kBytes = size_t{64} << 20;
    run_.probe({"write", std::to_string(kBytes)});
    EXPECT_EQ(run_.run(), 0);
    EXPECT_EQ(run_.output().size(), kBytes);
    EXPECT_EQ(run_.output().find_first_not_of('x'), std::string::npos);
}

TEST_F(Container, WriterIsToldWhenNobodyReadsItsOutput) {
    run_.probe({"write", "100000000000"});
    run_.run_to_start();
    run_.port(kStdout).reset();
    // PID 1 ignores SIGPIPE (pid_namespaces(7)), so write() fails with EPIPE, which the probe answers with
    // 100.
    EXPECT_EQ(run_.finish(), 100);
}

TEST_F(Container, UserGroupsAndUmaskAreTheSpecs) {
    auto& user = run_.config().process.user;
    user = {
        .uid = 1000, .gid = 2000, .umask = 0077, .additional_gids = {5, 3000}, .name = {}, .group_name = {}};
    run_.probe({"ids"});
    EXPECT_EQ(run_.run(), 0);
    EXPECT_THAT(run_.output(), HasSubstr("uid=1000/1000 gid=2000/2000 umask=0077 groups=5 3000 "));
}

TEST_F(Container, EnvironmentIsTheSpecsPlusHomeFromPasswd) {
    write(run_.rootfs() / "etc/passwd", "root:x:0:0::/root:/bin/sh\nuser:x:1000:1000::/home/user:/bin/sh\n");
    run_.config().process.user.uid = 1000;
    run_.config().process.env = {"PATH=/bin", "A=1"};
    run_.probe({"env"});
    EXPECT_EQ(run_.run(), 0);
    EXPECT_EQ(run_.output(), "PATH=/bin\nA=1\nHOME=/home/user\n");
}

TEST_F(Container, CapabilitiesOfAUserAreExactlyTheSpecs) {
    auto& process = run_.config().process;
    process.user.uid = 1000;
    process.capabilities = {.bounding = {"CAP_CHOWN", "CAP_KILL", "CAP_NET_RAW"},
                            .effective = {"CAP_CHOWN"},
                            .inheritable = {"CAP_KILL"},
                            .permitted = {"CAP_CHOWN", "CAP_KILL"},
                            .ambient = {"CAP_KILL"}};
    process.no_new_privileges = true;
    run_.probe({"file", "/proc/self/status"});
    EXPECT_EQ(run_.run(), 0);
    // capabilities(7): after execve of a plain file by a user, permitted and effective are the ambient set.
    EXPECT_THAT(run_.output(), HasSubstr("CapInh:\t0000000000000020\n"));
    EXPECT_THAT(run_.output(), HasSubstr("CapPrm:\t0000000000000020\n"));
    EXPECT_THAT(run_.output(), HasSubstr("CapEff:\t0000000000000020\n"));
    EXPECT_THAT(run_.output(), HasSubstr("CapBnd:\t0000000000002021\n"));
    EXPECT_THAT(run_.output(), HasSubstr("CapAmb:\t0000000000000020\n"));
    EXPECT_THAT(run_.output(), HasSubstr("NoNewPrivs:\t1\n"));
}

TEST_F(Container, LimitsAndOomScoreAreTheSpecs) {
    auto& process = run_.config().process;
    process.rlimits = {{"RLIMIT_NOFILE", 100, 200}, {"RLIMIT_CORE", UINT64_MAX, UINT64_MAX}};
    process.oom_score_adj = 321;
    run_.probe({"file", "/proc/self/limits", ",", "file", "/proc/self/oom_score_adj"});
    EXPECT_EQ(run_.run(), 0);
    EXPECT_THAT(run_.output(), ::testing::ContainsRegex("Max open files +100 +200 "));
    EXPECT_THAT(run_.output(), ::testing::ContainsRegex("Max core file size +unlimited +unlimited"));
    EXPECT_THAT(run_.output(), HasSubstr("321\n"));
}

TEST_F(Container, NamesAreSetInTheGuest) {
    run_.config().hostname = "box";
    run_.config().domainname = "example.org";
    run_.probe({"names"});
    EXPECT_EQ(run_.run(), 0);
    EXPECT_EQ(run_.output(), "host=box domain=example.org\n");
}

TEST_F(Container, SysctlIsWrittenInThePayloadsNamespaces) {
    run_.config().krun.sysctl = {{"net.ipv4.ip_forward", "1"}, {"kernel.msgmax", "9999"}};
    run_.probe({"file", "/proc/sys/net/ipv4/ip_forward", ",", "file", "/proc/sys/kernel/msgmax"});
    EXPECT_EQ(run_.run(), 0);
    EXPECT_EQ(run_.output(), "1\n9999\n");
}

TEST_F(Container, MissingWorkingDirectoryIsCreated) {
    run_.config().process.cwd = "/new/place";
    run_.config().process.user.uid = 1000;
    run_.probe({"cwd"});
    EXPECT_EQ(run_.run(), 0);
    EXPECT_EQ(run_.output(), "cwd=/new/place\n");
}

TEST_F(Container, WorkingDirectoryThatIsAFileFailsTheCreate) {
    write(run_.rootfs() / "file", "");
    run_.config().process.cwd = "/file";
    run_.launch();
    EXPECT_EQ(run_.next_frame().type, FrameType::kHello);
    EXPECT_EQ(run_.next_frame().type, FrameType::kFailed);
    EXPECT_EQ(run_.failure_text(), "chdir to cwd \"/file\" set in config.json failed: not a directory");
}

TEST_F(Container, LostHostEndsInitAtOnce) {
    run_.probe({"wait-term"});
    run_.run_to_start();
    EXPECT_EQ(run_.lose_host(), ContainerRun::kHostLost);
}

}  // namespace
}  // namespace krun::init
