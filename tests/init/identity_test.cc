// SPDX-License-Identifier: Apache-2.0
// Who the payload is: names to bits, the passwd file, the order of the steps.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/capability.h>
#include <sched.h>

#include <algorithm>
#include <span>
#include <string>
#include <utility>

#include "config-gen/user_names.h"
#include "init/capabilities.h"
#include "init/cgroup.h"
#include "init/exec_setup.h"
#include "init/payload_setup.h"
#include "init/process_clone.h"
#include "init/seccomp.h"
#include "init/sysctl.h"

namespace krun::init {
namespace {

TEST(Capabilities, NamesBecomeTheBitsOfTheKernelsHeader) {
    auto const sets = parse_capabilities({.bounding = {"CAP_CHOWN", "CAP_CHECKPOINT_RESTORE"},
                                          .effective = {"CAP_NET_ADMIN"},
                                          .inheritable = {},
                                          .permitted = {"CAP_SYS_ADMIN"},
                                          .ambient = {"CAP_SETFCAP"}},
                                         CAP_LAST_CAP);
    EXPECT_EQ(sets.bounding, uint64_t{1} << CAP_CHOWN | uint64_t{1} << CAP_CHECKPOINT_RESTORE);
    EXPECT_EQ(sets.effective, uint64_t{1} << CAP_NET_ADMIN);
    EXPECT_EQ(sets.inheritable, 0u);
    EXPECT_EQ(sets.permitted, uint64_t{1} << CAP_SYS_ADMIN);
    EXPECT_EQ(sets.ambient, uint64_t{1} << CAP_SETFCAP);
}

TEST(Capabilities, UnknownNamesAndThoseAboveTheKernelsAreLeftOut) {
    guest::Capabilities names;
    names.bounding = {"CAP_FLY", "chown", "CAP_BPF", "CAP_KILL"};
    EXPECT_EQ(parse_capabilities(names, CAP_AUDIT_READ).bounding, uint64_t{1} << CAP_KILL);
}

TEST(Capabilities, RunningKernelsLastOneIsPlausible) {
    EXPECT_GE(last_capability(), unsigned{CAP_AUDIT_READ});
    EXPECT_LT(last_capability(), 63u);
}

TEST(Passwd, FirstMatchingLineDecides) {
    EXPECT_EQ(home_in_passwd("root:x:0:0:r:/root:/bin/sh\na:x:7:7::/home/a:\nb:x:7:7::/home/b:\n", 7),
              "/home/a");
}

TEST(Passwd, MalformedLinesArePassedOver) {
    EXPECT_EQ(home_in_passwd("a:x:7\n::7:::/no:::\nb:x:+7:7::/no:\nc:x: 7:7::/no:\nd:x:7:7::/home/d:", 7),
              "/home/d");
}

TEST(Passwd, NoLineAndNoFileGiveNoHome) {
    EXPECT_EQ(home_in_passwd("", 0), "");
    EXPECT_EQ(home_in_passwd("root:x:0:0::/root:/bin/sh\n", 1), "");
}

TEST(Sysctl, DotsAreSlashesAndSlashesAreDots) {
    EXPECT_EQ(sysctl_path("net.ipv4.ip_forward"), "net/ipv4/ip_forward");
    EXPECT_EQ(sysctl_path("net.ipv4.conf.eth0/1.forwarding"), "net/ipv4/conf/eth0.1/forwarding");
    EXPECT_EQ(sysctl_path("net/ipv4/conf/eth0.1/forwarding"), "net/ipv4/conf/eth0.1/forwarding");
}

TEST(PayloadCgroup, AllControllersThatTheKernelHasAreSwitchedOn) {
    EXPECT_EQ(all_controllers("cpuset cpu io memory\n"), "+cpuset +cpu +io +memory");
    EXPECT_EQ(all_controllers("\n"), "");
    EXPECT_EQ(all_controllers(""), "");
}

TEST(CloneFlags, PidAndMountAreAlwaysNewTheRestAsAsked) {
    EXPECT_EQ(clone_flags({}), uint64_t{CLONE_NEWPID | CLONE_NEWNS});
    guest::Krun krun;
    krun.namespaces = {"uts", "ipc", "cgroup"};
    EXPECT_EQ(clone_flags(krun), uint64_t{CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC});
}

TEST(Seccomp, ProgramIsWholeInstructionsAndNotTooMany) {
    EXPECT_EQ(parse_seccomp("BgAAAAAA/38=").value().size(), 1u);  // BPF_RET, SECCOMP_RET_ALLOW
    EXPECT_FALSE(parse_seccomp("").ok());
    EXPECT_FALSE(parse_seccomp("BgAAAAAA/w==").ok());
    EXPECT_FALSE(parse_seccomp("not base64!").ok());
    EXPECT_FALSE(parse_seccomp(std::string(size_t{4} * 16384, 'A')).ok());
}

using Rule = std::pair<char const*, char const*>;

void expect_order(std::span<SetupStep const> steps, std::span<Rule const> rules) {
    auto const at = [&](std::string_view name) {
        return std::find_if(steps.begin(), steps.end(),
                            [&](SetupStep const& step) { return step.name == name; });
    };
    for (auto const& [first, second] : rules) {
        ASSERT_NE(at(first), steps.end()) << first;
        ASSERT_NE(at(second), steps.end()) << second;
        EXPECT_LT(at(first) - steps.begin(), at(second) - steps.begin()) << first << ", " << second;
    }
}

// Each pair names two steps whose order is a rule of the kernel or of runtime-spec.
TEST(SetupSteps, RunInTheOneValidOrder) {
    Rule const rules[] = {
        {"boot tree", "mounts"},                // /proc of the boot tree goes with the pivot
        {"mounts", "devices"},                  // nodes belong into the new /dev
        {"devices", "restricted paths"},        // a mask may cover a device
        {"user names", "streams"},              // whose owner that user is
        {"streams", "root"},                    // the terminal comes from the payload's devpts
        {"missing working directory", "root"},  // before the root is read-only
        {"restricted paths", "root"},           // masks need the boot tree's null device
        {"rlimits", "user"},                    // needs CAP_SYS_RESOURCE
        {"boot tree", "time namespace"},        // whose offsets are a file of the boot tree's /proc
        {"boot tree", "container's root"},      // limits and sysctls are the machine's root's to set
        {"container's root", "mounts"},         // who owns what they create
        {"root", "user namespace"},             // which may not pivot nor create devices
        {"scheduling", "user namespace"},       // needs CAP_SYS_NICE of the machine
        {"rlimits", "user namespace"},          // needs CAP_SYS_RESOURCE of the machine
        {"user namespace", "bounding set"},     // which it would fill again
        {"bounding set", "user"},               // needs CAP_SETPCAP
        {"user", "capabilities"},               // setuid clears the effective set
        {"capabilities", "no_new_privs"},
        {"user", "working directory as user"},
    };
    expect_order(payload_steps(), rules);
}

// From "inside" on, strangers may stop, trace and delay the process; and until then init waits for it.
TEST(SetupSteps, OfAnExecutedProcessTouchTheContainerOnlyInside) {
    Rule const rules[] = {
        {"accounting", "namespaces"},               // needs the boot tree's /proc
        {"cgroup's directory", "namespaces"},       // is of the boot tree
        {"namespaces", "inside"},                   // the pid namespace is the child's
        {"capabilities for the inside", "inside"},  // others may find them there
        {"inside", "session"},                      // whose number is one of the container's
        {"inside", "user names"},                   // files of the container's may keep their reader waiting
        {"inside", "streams"},
        {"inside", "scheduling"},  // which a child need not inherit
        {"cgroup", "user names"},
        {"rlimits", "user namespace"},
        {"user namespace", "bounding set"},
        {"bounding set", "user"},
        {"user", "capabilities"},
    };
    expect_order(exec_steps(), rules);
}

}  // namespace
}  // namespace krun::init
