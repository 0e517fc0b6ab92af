// SPDX-License-Identifier: Apache-2.0
// update, on the payload's cgroup of fake_vm.cc: 1 GiB and two processors, memory.max 1 GiB, cpu.max without
// quota.
#include <gmock/gmock.h>

#include "base/fd.h"
#include "runtime/state/container.h"
#include "runtime/state/payload_cgroup.h"
#include "tests/runtime/command_line.h"

namespace krun::runtime {
namespace {

using ::testing::HasSubstr;

class UpdateCommandTest : public test::CommandLine {
protected:
    void SetUp() override { ASSERT_EQ(create("web").status, 0); }
    void TearDown() override {
        krun({"delete", "--force", "web"});
        child_left();
    }
    Ended update(std::vector<std::string> flags) const {
        flags.insert(flags.begin(), "update");
        flags.emplace_back("web");
        return krun(std::move(flags));
    }
    void expect_success(std::vector<std::string> flags) const {
        auto const ended = update(std::move(flags));
        EXPECT_EQ(ended.status, 0) << ended.complaint;
        EXPECT_EQ(ended.output + ended.complaint, "");
    }
    void expect_failure(std::vector<std::string> flags, std::string const& complaint) const {
        auto const ended = update(std::move(flags));
        EXPECT_EQ(ended.status, 1);
        EXPECT_THAT(ended.complaint, HasSubstr(complaint));
    }
    // A file of the payload's cgroup.
    std::string file(std::string const& name) const {
        auto const container = Container::open(root(), "web").value();
        return read_payload_cgroup(container.dir().fd(), name).value();
    }
    std::string resources(std::string const& json) const {
        dir_.write("resources.json", json);
        return dir_ / "resources.json";
    }
};

TEST_F(UpdateCommandTest, EachFlagIsWrittenIntoItsFile) {
    expect_success({"--memory", "512m", "--pids-limit=100", "--cpu-quota", "50000", "--cpu-share", "2"});
    EXPECT_EQ(file("memory.max"), "536870912\n");
    EXPECT_EQ(file("pids.max"), "100\n");
    EXPECT_EQ(file("cpu.max"), "50000 100000\n");
    EXPECT_EQ(file("cpu.weight"), "1\n");
}

TEST_F(UpdateCommandTest, FileHasLinuxResources) {
    expect_success({"--resources", resources(R"({"memory":{"limit":1048576},"pids":{"limit":7}})")});
    EXPECT_EQ(file("memory.max"), "1048576\n");
    EXPECT_EQ(file("pids.max"), "7\n");
}

TEST_F(UpdateCommandTest, FlagsComeOverTheFile) {
    expect_success({"-r", resources(R"({"memory":{"limit":1048576},"pids":{"limit":7}})"), "--memory", "2M"});
    EXPECT_EQ(file("memory.max"), "2097152\n");
    EXPECT_EQ(file("pids.max"), "7\n");
}

TEST_F(UpdateCommandTest, WhatIsNotNamedStays) {
    expect_success({"--pids-limit", "5"});
    EXPECT_EQ(file("memory.max"), "1073741824\n");
    EXPECT_EQ(file("cpu.max"), "max 100000\n");
}

TEST_F(UpdateCommandTest, MinusOneIsUnlimited) {
    expect_success({"--memory", "-1", "--pids-limit", "-1", "--cpu-quota", "-1"});
    EXPECT_EQ(file("memory.max"), "max\n");
    EXPECT_EQ(file("pids.max"), "max\n");
    EXPECT_EQ(file("cpu.max"), "max 100000\n");
}

TEST_F(UpdateCommandTest, SwapIsWhatIsAboveTheLimitThatHolds) {
    expect_success({"--memory-swap", "1536m"});
    EXPECT_EQ(file("memory.swap.max"), "536870912\n");
}

TEST_F(UpdateCommandTest, MachineCannotGrow) {
    expect_failure({"--memory", "1025m"},
                   "memory.limit: the machine has 1024 MiB and cannot get more while it runs");
    expect_failure({"--cpu-quota", "200001"},
                   "cpu.quota: the machine has 2 processors and cannot get more while it runs");
    expect_success({"--memory", "1024m", "--cpu-quota", "200000"});
    expect_success({"--cpuset-cpus", "0-7"});  // which may be used, not how many there are
}

TEST_F(UpdateCommandTest, CheckBeforeUpdateRefusesALimitBelowWhatIsUsed) {
    auto const below = resources(R"({"memory":{"limit":4095,"checkBeforeUpdate":true}})");
    expect_failure({"-r", below}, "memory.limit: must not be below what is used, 4096 bytes, is 4095");
    expect_success({"-r", resources(R"({"memory":{"limit":4095}})")});
}

TEST_F(UpdateCommandTest, AllOfItOrNothing) {
    auto const bad = R"({"memory":{"limit":1048576},"unified":{"pids.max":"refused"}})";
    expect_failure({"--resources", resources(bad)}, "set pids.max to refused");
    EXPECT_EQ(file("memory.max"), "1073741824\n");
}

TEST_F(UpdateCommandTest, BadValuesNameTheirFlag) {
    expect_failure({"--memory", "much"},
                   "--memory \"much\": must be a size in bytes, with k, m or g behind it if wanted, or -1");
    expect_failure({"--memory", "9000000t"}, "--memory \"9000000t\": must be");
    expect_failure({"--memory", ""}, "--memory \"\": must be");
    expect_failure({"--cpu-period", "-5"}, "--cpu-period \"-5\": must be a number");
    expect_failure({"--cpuset-cpus", "all"}, "update: cpu.cpus: must be a list such as \"0-3,7\"");
    expect_failure({"--blkio-weight", "70000"}, "--blkio-weight \"70000\": must be a number from 10 to 1000");
    expect_failure({"--kernel-memory", "1g"}, "--kernel-memory: the guest's cgroup v2 has no such limit");
    expect_failure({"--l3-cache-schema", "x"}, "--l3-cache-schema: intelRdt is not supported");
}

TEST_F(UpdateCommandTest, BadFilesNameTheirPath) {
    expect_failure({"--resources", dir_ / "none"}, "--resources: ");
    auto const path = resources(R"({"memory":{"limit":"1g"}})");
    expect_failure({"--resources", path}, path + ": memory.limit: must be a number, is a string");
}

TEST_F(UpdateCommandTest, NothingToChangeIsAMistakeButAnEmptyFileIsNot) {
    expect_failure({}, "update needs --resources or a limit");
    expect_success({"--resources", resources("{}")});
}

TEST_F(UpdateCommandTest, StoppedContainerIsNotRunning) {
    krun({"kill", "web", "KILL"});
    for (int i = 0; i < 5000 && status_of("web") != "stopped"; ++i) ::usleep(1000);
    expect_failure({"--memory", "512m"}, "container not running");
}

}  // namespace
}  // namespace krun::runtime
