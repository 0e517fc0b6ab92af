// SPDX-License-Identifier: Apache-2.0
#include "config-gen/machine_size.h"

#include <gtest/gtest.h>

namespace krun {
namespace {

constexpr uint32_t kHostCpus = 8;

oci::Spec with_cpu(oci::CpuLimits cpu) {
    oci::Spec spec;
    spec.linux.resources.emplace().cpu = std::move(cpu);
    return spec;
}
oci::Spec with_memory(int64_t limit) {
    oci::Spec spec;
    spec.linux.resources.emplace().memory.emplace().limit = limit;
    return spec;
}
uint32_t vcpus(oci::Spec const& spec, uint32_t host_cpus = kHostCpus) {
    return machine_size(spec, host_cpus).value().vcpus;
}
uint32_t ram(oci::Spec const& spec) {
    return machine_size(spec, kHostCpus).value().ram_mib;
}
oci::CpuLimits quota(int64_t us, uint64_t period) {
    oci::CpuLimits cpu;
    cpu.quota = us;
    cpu.period = period;
    return cpu;
}
oci::CpuLimits cpuset(std::string list) {
    oci::CpuLimits cpu;
    cpu.cpus = std::move(list);
    return cpu;
}

TEST(MachineSize, WithoutLimitsIsTheDefaultWithinTheHost) {
    EXPECT_EQ(vcpus({}), kDefaultVcpus);
    EXPECT_EQ(vcpus({}, 1), 1u);
    EXPECT_EQ(ram({}), kDefaultRamMib);
}

TEST(MachineSize, QuotaIsRoundedUpToWholeVcpus) {
    EXPECT_EQ(vcpus(with_cpu(quota(100'000, 100'000))), 1u);
    EXPECT_EQ(vcpus(with_cpu(quota(100'001, 100'000))), 2u);
    EXPECT_EQ(vcpus(with_cpu(quota(1, 100'000))), 1u);
    EXPECT_EQ(vcpus(with_cpu(quota(350'000, 100'000))), 4u);
}

TEST(MachineSize, UnlimitedQuotaIsNoLimit) {
    EXPECT_EQ(vcpus(with_cpu(quota(-1, 100'000))), kDefaultVcpus);
    EXPECT_EQ(vcpus(with_cpu(quota(100'000, 0))), kDefaultVcpus);
}

TEST(MachineSize, CpusetCountsItsMembers) {
    EXPECT_EQ(vcpus(with_cpu(cpuset("0-3,7"))), 5u);
    EXPECT_EQ(vcpus(with_cpu(cpuset("2"))), 1u);
    EXPECT_EQ(vcpus(with_cpu(cpuset("3-1"))), kDefaultVcpus);
    EXPECT_EQ(vcpus(with_cpu(cpuset("0-99999999999"))), kDefaultVcpus);
}

TEST(MachineSize, SmallerOfQuotaAndCpusetDecidesWithinTheHost) {
    auto cpu = quota(300'000, 100'000);
    cpu.cpus = "0-1";
    EXPECT_EQ(vcpus(with_cpu(cpu)), 2u);
    EXPECT_EQ(vcpus(with_cpu(quota(6'400'000, 100'000)), 4), 4u);
    EXPECT_EQ(vcpus(with_cpu(quota(INT64_MAX, 1)), 4096), kMaxVcpus);
}

TEST(MachineSize, MemoryLimitIsRoundedUpWithinBounds) {
    EXPECT_EQ(ram(with_memory(int64_t{512} << 20)), 512u);
    EXPECT_EQ(ram(with_memory((int64_t{512} << 20) + 1)), 513u);
    EXPECT_EQ(ram(with_memory(1)), kMinRamMib);
    EXPECT_EQ(ram(with_memory(INT64_MAX)), kMaxRamMib);
    EXPECT_EQ(ram(with_memory(-1)), kDefaultRamMib);
}

TEST(MachineSize, VmHardwareIsStrongerThanLimits) {
    auto spec = with_memory(int64_t{512} << 20);
    spec.vm.emplace().hw_config.emplace() = {.vcpus = 5, .memory = uint64_t{2} << 30};
    EXPECT_EQ(vcpus(spec), 5u);
    EXPECT_EQ(ram(spec), 2048u);
}

TEST(MachineSize, AnnotationsAreStrongest) {
    auto spec = with_memory(int64_t{512} << 20);
    spec.vm.emplace().hw_config.emplace() = {.vcpus = 5, .memory = uint64_t{2} << 30};
    spec.annotations = {{"krun.cpus", "3"}, {"krun.ram_mib", "300"}};
    EXPECT_EQ(vcpus(spec), 3u);
    EXPECT_EQ(ram(spec), 300u);
}

TEST(MachineSize, BadAnnotationNamesTheKey) {
    for (std::string const value : {"65", "-1", "2x", "", "0x2", "99999999999999999999"}) {
        oci::Spec spec;
        spec.annotations["krun.cpus"] = value;
        auto const size = machine_size(spec, kHostCpus);
        ASSERT_FALSE(size.ok()) << value;
        EXPECT_NE(size.error().message().find("krun.cpus"), std::string::npos) << size.error().message();
    }
}

}  // namespace
}  // namespace krun
