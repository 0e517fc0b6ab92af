// SPDX-License-Identifier: Apache-2.0
// exec as its callers see it, with a container process that plays the guest.
#include <gmock/gmock.h>
#include <signal.h>
#include <sys/prctl.h>

#include <fstream>

#include "base/fd.h"
#include "tests/runtime/command_line.h"

namespace krun::runtime {
namespace {

using ::testing::HasSubstr;

class ExecCommandTest : public test::CommandLine {
protected:
    void SetUp() override {
        ASSERT_EQ(create("web").status, 0);
        ASSERT_EQ(krun({"start", "web"}).status, 0);
    }
    void TearDown() override { krun({"delete", "--force", "web"}); }

    // In a process of its own, because a command blocks signals and is the parent of proxies.
    int exec_status(std::vector<std::string> words) const {
        pid_t const pid = ::fork();
        if (pid == 0) {
            words.insert(words.begin(), "exec");
            ::_exit(krun(words).status);
        }
        int status = 0;
        ::waitpid(pid, &status, 0);
        return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    }
    // The wait status of the proxy that the pid file names, which is re-parented to us.
    int reap_proxy() const {
        pid_t pid = 0;
        std::ifstream(dir_ / "pid") >> pid;
        int status = -1;
        EXPECT_EQ(::waitpid(pid, &status, 0), pid);
        return status;
    }
};

TEST_F(ExecCommandTest, StatusIsTheProgramsOwn) {
    for (int const status : {0, 1, 42, 255})
        EXPECT_EQ(exec_status({"web", "exit", std::to_string(status)}), status);
}

TEST_F(ExecCommandTest, MissingProgramIs127AndNamedOnce) {
    pid_t const pid = ::fork();
    if (pid == 0) {
        auto const ended = krun({"exec", "web", "missing"});
        bool const good =
            ended.status == 127 && ended.complaint == "exec: \"missing\": executable file not found in $PATH";
        ::_exit(good ? 0 : 1);
    }
    int status = 0;
    ::waitpid(pid, &status, 0);
    EXPECT_EQ(status, 0);
}

TEST_F(ExecCommandTest, WhatIsWrongWithTheRequestIs255) {
    auto const complaint = [&](std::vector<std::string> words) {
        words.insert(words.begin(), "exec");
        auto const ended = krun(words);
        EXPECT_EQ(ended.status, 255);
        return ended.complaint;
    };
    EXPECT_EQ(complaint({"nobody", "true"}), "container \"nobody\" does not exist");
    EXPECT_EQ(complaint({"web"}), "exec needs a command, or --process");
    for (std::string const user : {"", ":1", "1:"})
        EXPECT_EQ(complaint({"--user", user, "web", "true"}),
                  "--user \"" + user + "\": must be USER or USER:GROUP");
    EXPECT_EQ(complaint({"--cap", "CAP_FLY", "web", "true"}),
              "exec: process.capabilities.bounding[0]: unknown capability, is \"CAP_FLY\"");
    EXPECT_THAT(complaint({"--cwd", "here", "web", "true"}),
                HasSubstr("process.cwd: must be an absolute path"));
    EXPECT_THAT(complaint({"--cgroup", "../up", "web", "true"}), HasSubstr("--cgroup"));
    EXPECT_THAT(complaint({"--process", dir_ / "none", "web"}), HasSubstr("No such file"));
    EXPECT_THAT(complaint({"-d", "-t", "web", "true"}), HasSubstr("--console-socket"));
    EXPECT_THAT(complaint({"--console-socket", "/x", "web", "true"}), HasSubstr("--console-socket"));
    EXPECT_THAT(complaint({"--preserve-fds", "30", "web", "true"}), HasSubstr("from 0 to 29"));
    EXPECT_EQ(complaint({"--preserve-fds", "x", "web", "true"}),
              "--preserve-fds \"x\": must be a number from 0 to 29");
}

TEST_F(ExecCommandTest, StoppedContainerRefusesInTheWordsThatEnginesKnow) {
    krun({"kill", "web", "KILL"});
    for (int i = 0; i < 5000 && status_of("web") != "stopped"; ++i) ::usleep(1000);
    auto const ended = krun({"exec", "web", "true"});
    EXPECT_EQ(ended.status, 255);
    EXPECT_EQ(ended.complaint, "container not running");
}

TEST_F(ExecCommandTest, ProcessFileIsTheWholeProcess) {
    dir_.write("process.json", R"({"cwd":"/","args":["exit","9"]})");
    EXPECT_EQ(exec_status({"--process", dir_ / "process.json", "web"}), 9);
    EXPECT_EQ(exec_status({"--process", dir_ / "process.json", "web", "too", "much"}), 255);
}

TEST_F(ExecCommandTest, LabelsInAProcessFileAreNamedInTheLog) {
    dir_.write("process.json", R"({"cwd":"/","args":["exit","9"],"apparmorProfile":"a","selinuxLabel":"b"})");
    std::string const path = dir_ / "log";
    pid_t const pid = ::fork();
    if (pid == 0)
        ::_exit(
            krun({"--log", path, "--log-level", "warning", "exec", "--process", dir_ / "process.json", "web"})
                .status);
    int status = 0;
    ::waitpid(pid, &status, 0);
    EXPECT_EQ(WEXITSTATUS(status), 9);
    std::string const log = read_file(path, 4096).value();
    EXPECT_THAT(log, HasSubstr("warning: process.apparmorProfile: "));
    EXPECT_THAT(log, HasSubstr("warning: process.selinuxLabel: "));
}

TEST_F(ExecCommandTest, PidFileThatCannotBeWrittenEndsTheProcess) {
    EXPECT_EQ(exec_status({"--pid-file", dir_ / "none/pid", "web", "wait"}), 255);
    EXPECT_EQ(exec_status({"-d", "--pid-file", dir_ / "none/pid", "web", "wait"}), 255);
}

TEST_F(ExecCommandTest, ProxyEndsAsItsProcess) {
    ::prctl(PR_SET_CHILD_SUBREAPER, 1);
    std::string const pid_file = dir_ / "pid";
    EXPECT_EQ(exec_status({"-d", "--pid-file", pid_file, "web", "exit", "5"}), 0);
    int status = reap_proxy();
    EXPECT_TRUE(WIFEXITED(status));
    EXPECT_EQ(WEXITSTATUS(status), 5);

    EXPECT_EQ(exec_status({"-d", "--pid-file", pid_file, "web", "wait"}), 0);
    pid_t pid = 0;
    std::ifstream(pid_file) >> pid;
    ::kill(pid, SIGTERM);
    status = reap_proxy();
    EXPECT_TRUE(WIFSIGNALED(status));
    EXPECT_EQ(WTERMSIG(status), SIGTERM);
    ::prctl(PR_SET_CHILD_SUBREAPER, 0);
}

TEST_F(ExecCommandTest, FailedDetachedExecLeavesNoPidFileAndNoProcess) {
    ::prctl(PR_SET_CHILD_SUBREAPER, 1);
    while (::waitpid(-1, nullptr, WNOHANG) > 0) {
    }
    EXPECT_EQ(exec_status({"-d", "--pid-file", dir_ / "pid", "web", "missing"}), 127);
    EXPECT_FALSE(std::filesystem::exists(std::string(dir_ / "pid")));
    EXPECT_LE(::waitpid(-1, nullptr, WNOHANG), 0) << "a process was left to its subreaper";
    ::prctl(PR_SET_CHILD_SUBREAPER, 0);
}

TEST_F(ExecCommandTest, ContainerThatDiesTakesItsProcessesWithIt) {
    ::prctl(PR_SET_CHILD_SUBREAPER, 1);
    EXPECT_EQ(exec_status({"-d", "--pid-file", dir_ / "pid", "web", "wait"}), 0);
    krun({"kill", "web", "KILL"});
    int const status = reap_proxy();
    EXPECT_TRUE(WIFSIGNALED(status));
    EXPECT_EQ(WTERMSIG(status), SIGKILL);
    ::prctl(PR_SET_CHILD_SUBREAPER, 0);
}

}  // namespace
}  // namespace krun::runtime
