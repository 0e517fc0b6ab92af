// SPDX-License-Identifier: Apache-2.0
// Rules whose texts are not in the golden list, and the edges of those that are.
#include "oci/validate.h"

#include <gtest/gtest.h>

#include "oci/load.h"
#include "tests/support/spec_text.h"

namespace krun::oci {
namespace {

using test::SpecText;

std::string verdict(SpecText const& config) {
    auto const spec = parse_spec(config.text());
    return spec.ok() ? "accepted" : spec.error().message();
}
std::string process_verdict(std::string const& members) {
    return verdict({.process = R"("cwd":"/","args":["sh"],)" + members});
}
std::string linux_verdict(std::string const& members) {
    return verdict({.linux = members});
}

TEST(Version, AllOfOneIsAcceptedAndNothingElse) {
    for (char const* const good : {"1.0.0", "1.0.2-dev", "1.3.0", "1.99.0+build"})
        EXPECT_EQ(verdict({.version = "\"" + std::string(good) + "\""}), "accepted") << good;
    for (char const* const bad : {"", "1", "1.0", "2.0.0", "11.0.0", "v1.0.0", "1.x.0"})
        EXPECT_NE(verdict({.version = "\"" + std::string(bad) + "\""}), "accepted") << bad;
}

TEST(Process, EmptyProgramNameIsRefused) {
    EXPECT_EQ(verdict({.process = R"("cwd":"/","args":[""])"}), "process.args[0]: must not be empty");
}

TEST(Process, EachCapabilitySetIsChecked) {
    for (char const* const set : {"bounding", "effective", "inheritable", "permitted", "ambient"})
        EXPECT_EQ(process_verdict("\"capabilities\":{\"" + std::string(set) + R"(":["chown"]})"),
                  "process.capabilities." + std::string(set) + R"([0]: unknown capability, is "chown")");
}

TEST(Process, RangesHaveTheirEdges) {
    EXPECT_EQ(process_verdict(
                  R"("oomScoreAdj":-1000,"user":{"umask":511},"consoleSize":{"height":65535,"width":0})"),
              "accepted");
    EXPECT_NE(process_verdict(R"("oomScoreAdj":-1001)"), "accepted");
    EXPECT_NE(process_verdict(R"("user":{"umask":512})"), "accepted");
    EXPECT_NE(process_verdict(R"("consoleSize":{"height":65536,"width":0})"), "accepted");
}

TEST(Process, TheIdThatMeansNoChangeIsRefused) {
    EXPECT_EQ(process_verdict(R"("user":{"uid":4294967294,"gid":4294967294})"), "accepted");
    EXPECT_EQ(process_verdict(R"("user":{"uid":4294967295})"),
              "process.user.uid: must be below 4294967295, is 4294967295");
    EXPECT_EQ(process_verdict(R"("user":{"gid":4294967295})"),
              "process.user.gid: must be below 4294967295, is 4294967295");
    EXPECT_EQ(process_verdict(R"("user":{"additionalGids":[1,4294967295]})"),
              "process.user.additionalGids[1]: must be below 4294967295, is 4294967295");
}

TEST(Process, UnlimitedRlimitIsAllOnes) {
    EXPECT_EQ(
        process_verdict(R"("rlimits":[{"type":"RLIMIT_NOFILE","soft":1024,"hard":18446744073709551615}])"),
        "accepted");
}

TEST(Namespaces, AllTypesAreSupported) {
    EXPECT_EQ(
        linux_verdict(R"("namespaces":[{"type":"pid"},{"type":"network"},{"type":"ipc"},{"type":"uts"},)"
                      R"({"type":"mount"},{"type":"cgroup"},{"type":"time"}])"),
        "accepted");
}

std::string user_namespace(std::string const& uid_mappings) {
    return R"("namespaces":[{"type":"user"}],"gidMappings":[{"containerID":0,"hostID":0,"size":1}],)"
           R"("uidMappings":)" +
           uid_mappings;
}

TEST(Namespaces, AUserNamespaceAndItsMapsNeedEachOther) {
    EXPECT_EQ(linux_verdict(user_namespace(R"([{"containerID":0,"hostID":100000,"size":65536},)"
                                           R"({"containerID":65536,"hostID":0,"size":4294901759}])")),
              "linux.uidMappings[1]: must not overlap another mapping");
    EXPECT_EQ(linux_verdict(user_namespace(R"([{"containerID":0,"hostID":100000,"size":65536},)"
                                           R"({"containerID":65536,"hostID":0,"size":100000}])")),
              "accepted");
    EXPECT_EQ(linux_verdict(R"("namespaces":[{"type":"user"}])"),
              "linux: a user namespace needs uidMappings and gidMappings");
    EXPECT_EQ(linux_verdict(R"("uidMappings":[{"containerID":0,"hostID":1,"size":1}])"),
              "linux: uidMappings and gidMappings need a user namespace");
    EXPECT_EQ(linux_verdict(R"("uidMappings":[],"gidMappings":null)"), "accepted");
    EXPECT_EQ(linux_verdict(R"("namespaces":[{"type":"user","path":"/proc/1/ns/user"}])"), "accepted");
}

TEST(Namespaces, MapsAreNotEmptyAndEndInRange) {
    EXPECT_NE(linux_verdict(user_namespace(R"([{"containerID":0,"hostID":0,"size":0}])")), "accepted");
    EXPECT_NE(linux_verdict(user_namespace(R"([{"containerID":1,"hostID":0,"size":4294967295}])")),
              "accepted");
    EXPECT_NE(linux_verdict(user_namespace(R"([{"containerID":0,"hostID":4294967290,"size":6}])")),
              "accepted");
    EXPECT_EQ(linux_verdict(user_namespace(R"([{"containerID":0,"hostID":0,"size":4294967295}])")),
              "accepted");
}

TEST(TimeOffsets, NeedATimeNamespaceAndAKnownClock) {
    EXPECT_EQ(linux_verdict(R"("namespaces":[{"type":"time"}],"timeOffsets":{"monotonic":{"secs":-5,)"
                            R"("nanosecs":999999999},"boottime":{"secs":7}})"),
              "accepted");
    EXPECT_EQ(linux_verdict(R"("timeOffsets":{"monotonic":{"secs":5}})"),
              "linux.timeOffsets: need a new time namespace");
    EXPECT_EQ(linux_verdict(R"("namespaces":[{"type":"time"}],"timeOffsets":{"realtime":{"secs":5}})"),
              R"(linux.timeOffsets: must be for "boottime" or "monotonic", is "realtime")");
    EXPECT_EQ(
        linux_verdict(R"("namespaces":[{"type":"time"}],"timeOffsets":{"boottime":{"nanosecs":1000000000}})"),
        "linux.timeOffsets.boottime.nanosecs: must be below 1000000000, is 1000000000");
}

TEST(Scheduler, EachPolicyHasItsMembers) {
    for (char const* const good :
         {R"({"policy":"SCHED_BATCH","nice":-20})", R"({"policy":"SCHED_FIFO","priority":99})",
          R"({"policy":"SCHED_RR","priority":1,"flags":["SCHED_FLAG_RESET_ON_FORK"]})",
          R"({"policy":"SCHED_DEADLINE","runtime":1,"deadline":2,"period":3})"})
        EXPECT_EQ(process_verdict(std::string("\"scheduler\":") + good), "accepted") << good;
    for (char const* const bad :
         {R"({})", R"({"policy":"SCHED_ISO"})", R"({"policy":"SCHED_OTHER","nice":20})",
          R"({"policy":"SCHED_OTHER","priority":1})", R"({"policy":"SCHED_FIFO"})",
          R"({"policy":"SCHED_FIFO","priority":100})", R"({"policy":"SCHED_IDLE","runtime":1})",
          R"({"policy":"SCHED_IDLE","flags":["SCHED_FLAG_FUN"]})"})
        EXPECT_NE(process_verdict(std::string("\"scheduler\":") + bad), "accepted") << bad;
}

TEST(Scheduler, DeadlineThatForbidsForkingGoesWithNothingThatForks) {
    auto const with = [](std::string const& flags) {
        return SpecText{.process = R"("cwd":"/","args":["sh"],"scheduler":{"policy":"SCHED_DEADLINE",)"
                                   R"("runtime":1,"deadline":2,"period":3)" +
                                   flags + "}",
                        .linux = R"("namespaces":[{"type":"user"}],)"
                                 R"("uidMappings":[{"containerID":0,"hostID":1,"size":9}],)"
                                 R"("gidMappings":[{"containerID":0,"hostID":1,"size":9}])"};
    };
    EXPECT_EQ(verdict(with("")),
              "process.scheduler: SCHED_DEADLINE with a user namespace or startContainer hooks needs "
              "SCHED_FLAG_RESET_ON_FORK");
    EXPECT_EQ(verdict(with(R"(,"flags":["SCHED_FLAG_RESET_ON_FORK"])")), "accepted");
}

TEST(IoPriority, ClassAndLevelAreChecked) {
    EXPECT_EQ(process_verdict(R"("ioPriority":{"class":"IOPRIO_CLASS_RT","priority":7})"), "accepted");
    EXPECT_EQ(process_verdict(R"("ioPriority":{"class":"IOPRIO_CLASS_NONE"})"),
              R"(process.ioPriority.class: unknown class, is "IOPRIO_CLASS_NONE")");
    EXPECT_EQ(process_verdict(R"("ioPriority":{"class":"IOPRIO_CLASS_BE","priority":8})"),
              "process.ioPriority.priority: must be from 0 to 7, is 8");
}

TEST(Devices, TypePathAndNumbersAreChecked) {
    EXPECT_EQ(linux_verdict(R"("devices":[{"type":"c","path":"/dev/fuse","major":10,"minor":229}])"),
              "accepted");
    EXPECT_NE(linux_verdict(R"("devices":[{"type":"x","path":"/dev/fuse","major":10,"minor":229}])"),
              "accepted");
    EXPECT_NE(linux_verdict(R"("devices":[{"type":"c","path":"dev/fuse","major":10,"minor":229}])"),
              "accepted");
    EXPECT_NE(linux_verdict(R"("devices":[{"type":"c","path":"/dev/fuse","major":4096,"minor":0}])"),
              "accepted");
    EXPECT_NE(linux_verdict(R"("devices":[{"type":"c","path":"/dev/fuse","major":-1,"minor":0}])"),
              "accepted");
}

TEST(CgroupsPath, OnlyAWholeComponentOfDotsIsRefused) {
    for (char const* const good : {"/a/b", "a/b", "system.slice:crio:abc", "/a..b/...", ""})
        EXPECT_EQ(linux_verdict("\"cgroupsPath\":\"" + std::string(good) + "\""), "accepted") << good;
    for (char const* const bad : {"..", "/..", "a/..", "../a", "/a/../b"})
        EXPECT_NE(linux_verdict("\"cgroupsPath\":\"" + std::string(bad) + "\""), "accepted") << bad;
}

TEST(Unified, KeyIsAFileNameInTheCgroup) {
    EXPECT_EQ(linux_verdict(R"("resources":{"unified":{"memory.high":"1"}})"), "accepted");
    for (char const* const bad : {"../memory.max", "a/b", "..", ""})
        EXPECT_NE(linux_verdict("\"resources\":{\"unified\":{\"" + std::string(bad) + "\":\"1\"}}"),
                  "accepted")
            << bad;
}

TEST(Resources, ListsWeightsAndSizesAreChecked) {
    EXPECT_EQ(linux_verdict(R"("resources":{"cpu":{"cpus":"0-3,7","mems":"0"},"blockIO":{"weight":10},)"
                            R"("hugepageLimits":[{"pageSize":"2MB","limit":0}]})"),
              "accepted");
    EXPECT_NE(linux_verdict(R"("resources":{"cpu":{"cpus":"0\n1"}})"), "accepted");
    EXPECT_NE(linux_verdict(R"("resources":{"blockIO":{"weight":9}})"), "accepted");
    EXPECT_NE(linux_verdict(R"("resources":{"hugepageLimits":[{"pageSize":"../2MB","limit":0}]})"),
              "accepted");
    EXPECT_NE(linux_verdict(R"("resources":{"memory":{"limit":1000,"swap":999}})"), "accepted");
    EXPECT_NE(linux_verdict(R"("resources":{"cpu":{"quota":10,"burst":11}})"), "accepted");
    EXPECT_NE(linux_verdict(R"("resources":{"rdma":{"mlx5 1":{"hcaHandles":1}}})"), "accepted");
}

TEST(Seccomp, ErrnoGoesWithActionsThatReturnOne) {
    EXPECT_EQ(linux_verdict(R"("seccomp":{"defaultAction":"SCMP_ACT_ERRNO","defaultErrnoRet":38})"),
              "accepted");
    EXPECT_EQ(linux_verdict(R"("seccomp":{"defaultAction":"SCMP_ACT_KILL","defaultErrnoRet":38})"),
              "linux.seccomp.defaultErrnoRet: must not be set for action \"SCMP_ACT_KILL\"");
}

TEST(Seccomp, RulesAreChecked) {
    auto const rule = [](std::string const& members) {
        return linux_verdict(R"("seccomp":{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{)" + members +
                             "}]}");
    };
    EXPECT_EQ(rule(R"("names":["no_such_call"],"action":"SCMP_ACT_ERRNO")"), "accepted");
    EXPECT_NE(rule(R"("names":[],"action":"SCMP_ACT_ERRNO")"), "accepted");
    EXPECT_NE(rule(R"("names":["read"],"action":"SCMP_ACT_FLY")"), "accepted");
    EXPECT_NE(
        rule(R"("names":["read"],"action":"SCMP_ACT_LOG","args":[{"index":6,"value":0,"op":"SCMP_CMP_EQ"}])"),
        "accepted");
    EXPECT_NE(
        rule(R"("names":["read"],"action":"SCMP_ACT_LOG","args":[{"index":5,"value":0,"op":"SCMP_CMP"}])"),
        "accepted");
}

TEST(Mounts, BindIsRecognisedByTypeAndByOption) {
    EXPECT_EQ(verdict({.more = R"("mounts":[{"destination":"/d","source":"/s","options":["rbind","rro"]}])"}),
              "accepted");
    EXPECT_EQ(verdict({.more = R"("mounts":[{"destination":"/d","options":["rbind"]}])"}),
              "mounts[0].source: must not be empty for a bind mount");
    EXPECT_EQ(verdict({.more = R"("mounts":[{"destination":"/d","source":"/s"}])"}),
              "mounts[0].type: must not be empty unless it is a bind mount");
}

TEST(Hooks, TimeoutIsPositive) {
    EXPECT_EQ(verdict({.more = R"("hooks":{"prestart":[{"path":"/h","timeout":1}]})"}), "accepted");
    EXPECT_EQ(verdict({.more = R"("hooks":{"prestart":[{"path":"/h","timeout":0}]})"}),
              "hooks.prestart[0].timeout: must be a number of seconds above 0, is 0");
}

TEST(Vm, KernelAndHardwareAreChecked) {
    EXPECT_EQ(
        verdict(
            {.more =
                 R"("vm":{"kernel":{"path":"/boot/vmlinux","parameters":[]},"hwConfig":{"vcpus":64,"memory":67108864}})"}),
        "accepted");
    EXPECT_EQ(verdict({.more = R"("vm":{"kernel":{"path":"/k","initrd":"/i","parameters":["a=b"]}})"}),
              "accepted");
    EXPECT_NE(verdict({.more = R"("vm":{"kernel":{"path":"/k","initrd":"i"}})"}), "accepted");
    EXPECT_EQ(verdict({.more = R"("vm":{"kernel":{"path":"/k","parameters":["a","b c"]}})"}),
              R"(vm.kernel.parameters[1]: must be printable characters without spaces and quotes, is "b c")");
    EXPECT_NE(verdict({.more = R"("vm":{"kernel":{"path":"vmlinux"}})"}), "accepted");
    EXPECT_NE(verdict({.more = R"("vm":{"hwConfig":{"vcpus":0}})"}), "accepted");
    EXPECT_NE(verdict({.more = R"("vm":{"hwConfig":{"memory":67108863}})"}), "accepted");
    EXPECT_NE(verdict({.more = R"("vm":{"image":{"path":"/disk","format":"raw"}})"}), "accepted");
}

TEST(Errors, ValuesCannotForgeALine) {
    std::string const text = verdict({.process = R"("cwd":"x\n\u001b[2J","args":["sh"])"});
    EXPECT_EQ(text, "process.cwd: must be an absolute path, is \"x\\x0a\\x1b[2J\"");
}

}  // namespace
}  // namespace krun::oci
