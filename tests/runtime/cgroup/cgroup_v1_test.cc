// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "oci/load.h"
#include "runtime/cgroup/cgroup.h"
#include "runtime/cgroup/cgroup_hierarchies.h"

namespace krun::runtime {
namespace {

using List = std::vector<std::string>;

List settings(std::string_view resources) {
    auto const parsed = oci::parse_resources(resources);
    EXPECT_TRUE(parsed.ok()) << parsed.error().message();
    List out;
    if (parsed.ok())
        for (auto const& [file, value] : kCgroupV1.settings(parsed.value()))
            out.push_back(file + "=" + value);
    return out;
}

TEST(CgroupV1, NothingAskedIsNothingWritten) {
    EXPECT_EQ(settings("{}"), List{});
    EXPECT_EQ(settings(R"({"memory":{"limit":0,"swap":0},"cpu":{"shares":0,"quota":0},"pids":{"limit":9}})"),
              List{});
}

TEST(CgroupV1, MemoryAndSwapTogetherLeaveRoomForTheMachineItself) {
    EXPECT_EQ(settings(R"({"memory":{"limit":536870912,"reservation":1048576,"swap":1073741824}})"),
              (List{"memory.limit_in_bytes=603979776", "memory.memsw.limit_in_bytes=1140850688",
                    "memory.soft_limit_in_bytes=1048576"}));
    EXPECT_EQ(settings(R"({"memory":{"limit":-1,"swap":-1}})"),
              (List{"memory.limit_in_bytes=-1", "memory.memsw.limit_in_bytes=-1"}));
    EXPECT_EQ(settings(R"({"memory":{"limit":9223372036854775807}})"), List{"memory.limit_in_bytes=-1"});
}

TEST(CgroupV1, EachMemberOfCpuIsItsFile) {
    EXPECT_EQ(settings(R"({"cpu":{"shares":512,"quota":50000,"period":25000,"burst":1000,"idle":1,)"
                       R"("cpus":"0-1","mems":"0"}})"),
              (List{"cpu.shares=512", "cpu.cfs_period_us=25000", "cpu.cfs_quota_us=50000",
                    "cpu.cfs_burst_us=1000", "cpu.idle=1", "cpuset.cpus=0-1", "cpuset.mems=0"}));
    EXPECT_EQ(settings(R"({"cpu":{"quota":-1}})"), List{"cpu.cfs_quota_us=-1"});
}

TEST(CgroupV1, EachDeviceIsOneWrite) {
    EXPECT_EQ(
        settings(
            R"({"blockIO":{"weight":10,"weightDevice":[{"major":8,"minor":0,"weight":500}],)"
            R"("throttleReadBpsDevice":[{"major":8,"minor":0,"rate":600},{"major":8,"minor":16,"rate":0}],)"
            R"("throttleWriteIOPSDevice":[{"major":8,"minor":0,"rate":7}]}})"),
        (List{"blkio.bfq.weight=10", "blkio.bfq.weight_device=8:0 500",
              "blkio.throttle.read_bps_device=8:0 600", "blkio.throttle.read_bps_device=8:16 0",
              "blkio.throttle.write_iops_device=8:0 7"}));
}

TEST(CgroupV1, OfUnifiedTheGuestTakesItsOwnAndTheRestIsWrittenToBeAnError) {
    EXPECT_EQ(
        settings(R"({"unified":{"memory.high":"1000","cpu.idle":"1","pids.max":"9","io.max":"8:0 rbps=1"}})"),
        List{"io.max=8:0 rbps=1"});
}

constexpr char kOwnCgroups[] =
    "12:misc:/\n5:memory:/\n3:net_cls,net_prio:/\n2:cpu,cpuacct:/a\n1:name=systemd:/a\n0::/\n";
constexpr char kV1Mounts[] =
    "37 24 0:32 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755\n"
    "39 37 0:34 / /sys/fs/cgroup/systemd rw shared:5 master:3 - cgroup cgroup rw,xattr,name=systemd\n"
    "40 37 0:35 / /sys/fs/cgroup/cpu,cpuacct rw,relatime - cgroup cgroup rw,cpu,cpuacct\n"
    "44 37 0:39 /docker/x /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
    "45 37 0:39 / /mnt/memory rw - cgroup cgroup rw,memory\n";

TEST(CgroupHierarchies, OfV1EachIsWhereItIsMountedWithItsControllers) {
    auto const found = parse_cgroup_hierarchies(kV1Mounts, kOwnCgroups);
    EXPECT_EQ(found.mode, CgroupMode::kLegacy);
    ASSERT_EQ(found.all.size(), 3U);
    EXPECT_EQ(found.all[0].controllers, List{"name=systemd"});
    EXPECT_EQ(found.all[1].controllers, (List{"cpu", "cpuacct"}));
    EXPECT_EQ(found.all[1].mount_point, "/sys/fs/cgroup/cpu,cpuacct");
    EXPECT_EQ(found.all[2].root, "/docker/x");
}

TEST(CgroupHierarchies, AnEmptyV2BesideThemIsHybrid) {
    auto const mounts =
        std::string(kV1Mounts) + "38 37 0:33 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n";
    auto const found = parse_cgroup_hierarchies(mounts, kOwnCgroups);
    EXPECT_EQ(found.mode, CgroupMode::kHybrid);
    EXPECT_EQ(found.all.back().controllers, List{""});
}

TEST(CgroupHierarchies, WhatIsMountedOverThemHidesThem) {
    auto const mounts = std::string(kV1Mounts) + "90 24 0:90 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n";
    auto const found = parse_cgroup_hierarchies(mounts, kOwnCgroups);
    EXPECT_EQ(found.mode, CgroupMode::kUnified);
    ASSERT_EQ(found.all.size(), 1U);
    EXPECT_EQ(parse_cgroup_hierarchies("", "").mode, CgroupMode::kNone);
    EXPECT_EQ(parse_cgroup_hierarchies("broken line\n1 2 3 - \n", kOwnCgroups).mode, CgroupMode::kNone);
}

TEST(Cgroup, AFileIsInTheDirectoryOfItsController) {
    Cgroup const v1(
        Cgroup::Directories{{"cpu", "/sys/fs/cgroup/cpu,cpuacct/x"}, {"memory", "/sys/fs/cgroup/memory/x"}});
    EXPECT_EQ(&v1.version(), &kCgroupV1);
    EXPECT_EQ(v1.path_of("cpu.shares").value(), "/sys/fs/cgroup/cpu,cpuacct/x/cpu.shares");
    EXPECT_EQ(v1.path_of("io.max").error().message(), R"(this host's cgroup v1 has no controller "io")");
    Cgroup const v2(Cgroup::Directories{{"", "/sys/fs/cgroup/x"}});
    EXPECT_EQ(&v2.version(), &kCgroupV2);
    EXPECT_EQ(v2.path_of("cpu.weight").value(), "/sys/fs/cgroup/x/cpu.weight");
    EXPECT_EQ(Cgroup().path_of("cpu.weight").error().code(), Errc::kUnsupported);
}

}  // namespace
}  // namespace krun::runtime
