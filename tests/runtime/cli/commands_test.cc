// SPDX-License-Identifier: Apache-2.0
// A container's life, command by command.
#include <gmock/gmock.h>
#include <signal.h>

#include "tests/runtime/command_line.h"

namespace krun::runtime {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

class CommandsTest : public test::CommandLine {
protected:
    void expect_silent_success(Ended const& ended) const {
        EXPECT_EQ(ended.status, 0) << ended.complaint;
        EXPECT_EQ(ended.output, "");
        EXPECT_EQ(ended.complaint, "");
    }
    void expect_failure(Ended const& ended, std::string const& complaint) const {
        EXPECT_EQ(ended.status, 1);
        EXPECT_EQ(ended.output, "");
        EXPECT_EQ(ended.complaint, complaint);
    }
    // The process in state.json, found the way engines find it.
    pid_t pid_of(std::string const& id) const {
        auto const output = krun({"ps", "--format", "json", id}).output;
        return output.empty() ? 0 : std::stoi(output.substr(1));
    }
    void wait_until_stopped(std::string const& id) const {
        for (int i = 0; i < 5000 && status_of(id) != "stopped"; ++i) ::usleep(1000);
    }
};

TEST_F(CommandsTest, WholeLifeIsSilent) {
    expect_silent_success(create("web"));
    EXPECT_EQ(status_of("web"), "created");
    expect_silent_success(krun({"start", "web"}));
    EXPECT_EQ(status_of("web"), "running");
    expect_silent_success(krun({"kill", "web", "TERM"}));
    wait_until_stopped("web");
    EXPECT_EQ(status_of("web"), "stopped");
    expect_silent_success(krun({"delete", "web"}));
    EXPECT_EQ(status_of("web"), "container \"web\" does not exist");
    EXPECT_THAT(left_in_root(), IsEmpty());
    EXPECT_TRUE(child_left());  // the dead container process, for its parent to reap
}

TEST_F(CommandsTest, OperationsThatDoNotFitTheStateAreRefused) {
    create("web");
    krun({"start", "web"});
    expect_failure(krun({"start", "web"}), "cannot start a container that is running");
    expect_failure(krun({"delete", "web"}), "cannot delete container web that is not stopped: running");
    expect_failure(create("web"), "container with given ID already exists");
    krun({"kill", "web", "9"});
    wait_until_stopped("web");
    expect_failure(krun({"kill", "web", "9"}), "container not running");
    expect_silent_success(krun({"kill", "--all", "web", "9"}));
    expect_failure(krun({"start", "web"}), "cannot start a container that is stopped");
    expect_failure(krun({"ps", "web"}), "container not running");
    krun({"delete", "web"});
    child_left();
}

TEST_F(CommandsTest, UnknownContainersAreSaidNotToExist) {
    for (char const* command : {"state", "start", "kill", "delete", "ps"})
        expect_failure(krun({command, "web"}), "container \"web\" does not exist");
    expect_silent_success(krun({"delete", "--force", "web"}));
}

TEST_F(CommandsTest, CreatedContainerIsDeletedWithItsProcess) {
    create("web");
    pid_t const pid = pid_of("web");
    expect_silent_success(krun({"delete", "web"}));
    int status = 0;
    EXPECT_EQ(::waitpid(pid, &status, WNOHANG), pid);
    EXPECT_EQ(WTERMSIG(status), SIGKILL);
    EXPECT_THAT(left_in_root(), IsEmpty());
}

TEST_F(CommandsTest, RunningContainerIsDeletedByForce) {
    create("web");
    krun({"start", "web"});
    expect_silent_success(krun({"delete", "-f", "web"}));
    EXPECT_THAT(left_in_root(), IsEmpty());
    EXPECT_TRUE(child_left());
}

TEST_F(CommandsTest, ZombieIsStoppedAndHasNoPid) {
    create("web", R"(["exit","7"])");
    krun({"start", "web"});
    wait_until_stopped("web");
    EXPECT_THAT(krun({"state", "web"}).output, HasSubstr("\"pid\": 0"));
    int status = 0;
    ::waitpid(-1, &status, 0);
    EXPECT_EQ(WEXITSTATUS(status), 7);
}

TEST_F(CommandsTest, ReusedPidOrAnEarlierBootIsStoppedAndGetsNoSignal) {
    create("web");
    pid_t const pid = pid_of("web");
    auto const path = root() + "/web/state.json";
    std::string const original = read_file(path, 1 << 20).value();
    for (std::string const& member : {std::string("startTime\":"), std::string("bootId\":\"")}) {
        std::string text = original;
        auto const at = text.find(member, text.find("\"container\"")) + member.size();
        text[at] = text[at] == '1' ? '2' : '1';
        dir_.write("state/web/state.json", text);
        EXPECT_EQ(status_of("web"), "stopped") << member;
        expect_failure(krun({"kill", "web", "9"}), "container not running");
    }
    EXPECT_EQ(::waitpid(pid, nullptr, WNOHANG), 0);  // still alive
    dir_.write("state/web/state.json", original);
    krun({"delete", "-f", "web"});
    child_left();
}

TEST_F(CommandsTest, HalfMadeContainerIsDeletedByForceWithTheProcessItHad) {
    create("web");
    std::filesystem::remove(root() + "/web/state.json");
    expect_failure(krun({"state", "web"}), "container \"web\" does not exist");
    expect_silent_success(krun({"delete", "--force", "web"}));
    EXPECT_THAT(left_in_root(), IsEmpty());
    int status = 0;
    EXPECT_GT(::waitpid(-1, &status, 0), 0);
    EXPECT_EQ(WTERMSIG(status), SIGKILL);
}

TEST_F(CommandsTest, DamagedContainerIsListedAsUnknownAndDeletedByForce) {
    create("bad");
    create("good");
    dir_.write("state/bad/state.json", "{");
    EXPECT_THAT(krun({"state", "bad"}).complaint, HasSubstr("corrupt state for bad: "));
    EXPECT_THAT(krun({"list"}).output, HasSubstr("bad    0"));
    EXPECT_THAT(krun({"list"}).output, HasSubstr("unknown"));
    EXPECT_THAT(krun({"list", "--format", "json"}).output, HasSubstr(R"({"id":"bad","status":"unknown"})"));
    EXPECT_EQ(krun({"list", "-q"}).output, "bad\ngood\n");
    EXPECT_NE(krun({"delete", "bad"}).status, 0);
    expect_silent_success(krun({"delete", "--force", "bad"}));
    EXPECT_EQ(krun({"list", "-q"}).output, "good\n");
    krun({"delete", "--force", "good"});
    EXPECT_TRUE(child_left());
}

TEST_F(CommandsTest, EmptyListIsAnArray) {
    EXPECT_EQ(krun({"list", "-f", "json"}).output, "[]\n");
    EXPECT_EQ(krun({"list", "-q"}).output, "");
}

TEST_F(CommandsTest, FailedCreateLeavesNothing) {
    auto const pid_file = dir_ / "pid";
    test::SpecText spec;
    spec.process = R"("cwd":"/","args":["missing"])";
    expect_failure(krun({"create", "--pid-file", pid_file, "-b", bundle(spec.text()), "web"}),
                   "exec: \"missing\": executable file not found in $PATH");
    EXPECT_THAT(left_in_root(), IsEmpty());
    EXPECT_FALSE(std::filesystem::exists(pid_file));
    EXPECT_FALSE(child_left());
}

TEST_F(CommandsTest, CreateWithoutAWritablePidFileLeavesNothing) {
    test::SpecText spec;
    spec.process = R"("cwd":"/","args":["wait"])";
    auto const ended = krun({"create", "--pid-file", dir_ / "no/such/pid", "-b", bundle(spec.text()), "web"});
    EXPECT_EQ(ended.status, 1);
    EXPECT_THAT(ended.complaint, HasSubstr("write pid file"));
    EXPECT_THAT(left_in_root(), IsEmpty());
    EXPECT_FALSE(child_left());
}

TEST_F(CommandsTest, PidFileHoldsDigitsAlone) {
    test::SpecText spec;
    spec.process = R"("cwd":"/","args":["wait"])";
    expect_silent_success(krun({"create", "--pid-file", dir_ / "pid", "-b", bundle(spec.text()), "web"}));
    EXPECT_EQ(read_file(dir_ / "pid", 100).value(), std::to_string(pid_of("web")));
    EXPECT_FALSE(std::filesystem::exists(dir_ / ".pid.new"));
    krun({"delete", "web"});
    child_left();
}

TEST_F(CommandsTest, RunGivesThePayloadsStatusAndDeletes) {
    test::SpecText spec;
    spec.process = R"("cwd":"/","args":["exit","7"])";
    EXPECT_EQ(krun({"run", "--bundle", bundle(spec.text()), "web"}).status, 7);
    EXPECT_THAT(left_in_root(), IsEmpty());
    EXPECT_FALSE(child_left());
    EXPECT_EQ(krun({"run", "--keep", "--bundle", bundle(spec.text()), "web"}).status, 7);
    EXPECT_EQ(status_of("web"), "stopped");
}

TEST_F(CommandsTest, RunDetachedReturnsWhileThePayloadRuns) {
    test::SpecText spec;
    spec.process = R"("cwd":"/","args":["wait"])";
    expect_silent_success(krun({"run", "-d", "--bundle", bundle(spec.text()), "web"}));
    EXPECT_EQ(status_of("web"), "running");
    krun({"delete", "-f", "web"});
    child_left();
}

TEST_F(CommandsTest, ConsoleSocketAndTerminalNeedEachOther) {
    expect_failure(create("web", R"(["wait"],"terminal":true)"), "process.terminal needs --console-socket");
    test::SpecText spec;
    spec.process = R"("cwd":"/","args":["wait"])";
    expect_failure(krun({"create", "--console-socket", "/s", "-b", bundle(spec.text()), "web"}),
                   "--console-socket is for a process.terminal");
    EXPECT_THAT(left_in_root(), IsEmpty());
}

}  // namespace
}  // namespace krun::runtime
