// SPDX-License-Identifier: Apache-2.0
#include "runtime/cgroup/cgroup_version.h"

#include <gtest/gtest.h>

#include "oci/load.h"

namespace krun::runtime {
namespace {

// Each setting as "file=value".
std::vector<std::string> settings(std::string_view resources) {
    auto const parsed = oci::parse_resources(resources);
    EXPECT_TRUE(parsed.ok()) << parsed.error().message();
    std::vector<std::string> out;
    if (parsed.ok())
        for (auto const& setting : kCgroupV2.settings(parsed.value()))
            out.push_back(setting.file + "=" + setting.value);
    return out;
}

using List = std::vector<std::string>;

TEST(CgroupV2, NothingAskedIsNothingWritten) {
    EXPECT_EQ(settings("{}"), List{});
    EXPECT_EQ(settings(R"({"memory":{"limit":0,"swap":0},"cpu":{"shares":0},"pids":{"limit":10}})"), List{});
}

TEST(CgroupV2, MemoryLimitLeavesRoomForTheMachineItself) {
    EXPECT_EQ(settings(R"({"memory":{"limit":536870912,"reservation":1048576,"swap":1073741824}})"),
              (List{"memory.max=603979776", "memory.low=1048576", "memory.swap.max=536870912"}));
    EXPECT_EQ(settings(R"({"memory":{"limit":-1,"swap":-1}})"),
              (List{"memory.max=max", "memory.swap.max=max"}));
    EXPECT_EQ(settings(R"({"memory":{"limit":9223372036854775807}})"), List{"memory.max=max"});
}

TEST(CgroupV2, SharesBecomeAWeight) {
    EXPECT_EQ(settings(R"({"cpu":{"shares":2}})"), List{"cpu.weight=1"});
    EXPECT_EQ(settings(R"({"cpu":{"shares":1024}})"), List{"cpu.weight=39"});
    EXPECT_EQ(settings(R"({"cpu":{"shares":1000000}})"), List{"cpu.weight=10000"});
}

TEST(CgroupV2, QuotaPeriodAndBurstBecomeCpuMax) {
    EXPECT_EQ(
        settings(R"({"cpu":{"quota":50000,"period":25000,"burst":1000,"idle":1,"cpus":"0-1","mems":"0"}})"),
        (List{"cpu.max=50000 25000", "cpu.max.burst=1000", "cpu.idle=1", "cpuset.cpus=0-1",
              "cpuset.mems=0"}));
    EXPECT_EQ(settings(R"({"cpu":{"quota":-1}})"), List{"cpu.max=max 100000"});
}

TEST(CgroupV2, QuotaAndPeriodOfZeroAreNotSet) {
    EXPECT_EQ(settings(R"({"cpu":{"quota":0,"period":0}})"), List{});
    EXPECT_EQ(settings(R"({"cpu":{"quota":50000,"period":0}})"), List{"cpu.max=50000 100000"});
    EXPECT_EQ(settings(R"({"cpu":{"quota":0,"period":50000}})"), List{"cpu.max=max 50000"});
}

TEST(CgroupV2, EachDeviceIsOneWrite) {
    EXPECT_EQ(
        settings(
            R"({"blockIO":{"weight":10,"weightDevice":[{"major":8,"minor":0,"weight":500}],)"
            R"("throttleReadBpsDevice":[{"major":8,"minor":0,"rate":600},{"major":8,"minor":16,"rate":0}],)"
            R"("throttleWriteIOPSDevice":[{"major":8,"minor":0,"rate":7}]}})"),
        (List{"io.weight=default 10", "io.weight=8:0 500", "io.max=8:0 rbps=600", "io.max=8:16 rbps=max",
              "io.max=8:0 wiops=7"}));
}

TEST(CgroupV2, UnifiedHasTheLastWord) {
    EXPECT_EQ(settings(R"({"memory":{"limit":-1},"unified":{"memory.max":"1000","misc.max":"x 1"}})"),
              (List{"memory.max=max", "memory.max=1000", "misc.max=x 1"}));
}

}  // namespace
}  // namespace krun::runtime
