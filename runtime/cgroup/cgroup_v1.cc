// SPDX-License-Identifier: Apache-2.0
// Documentation/admin-guide/cgroup-v1/
#include <algorithm>
#include <optional>
#include <string_view>

#include "runtime/cgroup/cgroup_version.h"

namespace krun::runtime {
namespace {

using Settings = std::vector<CgroupSetting>;

constexpr uint64_t kUnlimitedBytes = 9'223'372'036'854'771'712;  // the most whole pages of an int64_t

// -1 for no limit, and for a sum that does not fit.
std::string limit_text(int64_t value, int64_t extra = 0) {
    int64_t sum = 0;
    if (value < 0 || __builtin_add_overflow(value, extra, &sum)) return "-1";
    return std::to_string(sum);
}

// 0 is what is not wanted: CRI-O sets every member.
void add_number(std::string file, std::optional<uint64_t> value, Settings& out) {
    if (value.value_or(0) != 0) out.push_back({std::move(file), std::to_string(*value)});
}

// Here, as in the specification, memory and swap are counted together.
void add_memory(oci::MemoryLimits const& memory, Settings& out) {
    if (memory.limit.value_or(0) != 0)
        out.push_back({"memory.limit_in_bytes", limit_text(*memory.limit, kProcessOverheadBytes)});
    if (memory.swap.value_or(0) != 0)
        out.push_back({"memory.memsw.limit_in_bytes", limit_text(*memory.swap, kProcessOverheadBytes)});
    if (memory.reservation.value_or(0) != 0)
        out.push_back({"memory.soft_limit_in_bytes", limit_text(*memory.reservation)});
}

void add_cpu(oci::CpuLimits const& cpu, Settings& out) {
    add_number("cpu.shares", cpu.shares, out);
    add_number("cpu.cfs_period_us", cpu.period, out);
    if (cpu.quota.value_or(0) != 0)
        out.push_back({"cpu.cfs_quota_us", std::to_string(std::max<int64_t>(-1, *cpu.quota))});
    if (cpu.burst) out.push_back({"cpu.cfs_burst_us", std::to_string(*cpu.burst)});
    if (cpu.idle) out.push_back({"cpu.idle", std::to_string(*cpu.idle)});
    if (!cpu.cpus.empty()) out.push_back({"cpuset.cpus", cpu.cpus});
    if (!cpu.mems.empty()) out.push_back({"cpuset.mems", cpu.mems});
}

std::string device_text(int64_t major, int64_t minor, uint64_t value) {
    return std::to_string(major) + ":" + std::to_string(minor) + " " + std::to_string(value);
}

void add_rates(std::vector<oci::DeviceRate> const& rates, std::string const& what, Settings& out) {
    for (auto const& [major, minor, rate] : rates)
        out.push_back({"blkio.throttle." + what + "_device", device_text(major, minor, rate)});
}

// Weights are those of the BFQ scheduler: of CFQ, which had other names, no kernel is left.
void add_block_io(oci::BlockIo const& io, Settings& out) {
    add_number("blkio.bfq.weight", io.weight, out);
    for (auto const& device : io.weight_device)
        if (device.weight.value_or(0) != 0)
            out.push_back(
                {"blkio.bfq.weight_device", device_text(device.major, device.minor, *device.weight)});
    add_rates(io.throttle_read_bps_device, "read_bps", out);
    add_rates(io.throttle_write_bps_device, "write_bps", out);
    add_rates(io.throttle_read_iops_device, "read_iops", out);
    add_rates(io.throttle_write_iops_device, "write_iops", out);
}

// The names of v2 are no files here. Those that the guest applies, which has v2, have done their part; any
// other is written all the same, so that it is an error and not forgotten.
bool is_guests(std::string_view file) {
    return file.starts_with("memory.") || file.starts_with("cpu.") || file.starts_with("pids.");
}

// pids.max is the guest's: here it would count our threads.
Settings settings(oci::Resources const& resources) {
    Settings out;
    if (resources.memory) add_memory(*resources.memory, out);
    if (resources.cpu) add_cpu(*resources.cpu, out);
    if (resources.block_io) add_block_io(*resources.block_io, out);
    for (auto const& [file, value] : resources.unified)
        if (!is_guests(file)) out.push_back({file, value});
    return out;
}

constexpr CpuCounter kCpu[] = {
    {"usage_usec", "cpuacct.usage", nullptr, 1000},
    {"user_usec", "cpuacct.usage_user", nullptr, 1000},
    {"system_usec", "cpuacct.usage_sys", nullptr, 1000},
    {"nr_periods", "cpu.stat", "nr_periods", 1},
    {"nr_throttled", "cpu.stat", "nr_throttled", 1},
    {"throttled_usec", "cpu.stat", "throttled_time", 1000},
};

}  // namespace

constinit CgroupVersion const kCgroupV1 = {
    .settings = settings,
    .freezer = {"freezer.state", "FROZEN", "THAWED", "freezer.self_freezing", "freezer.state", "FROZEN",
                nullptr},
    .memory = {"memory.usage_in_bytes", "memory.max_usage_in_bytes", "memory.limit_in_bytes", kUnlimitedBytes,
               "total_cache"},
    .cpu = kCpu,
};

}  // namespace krun::runtime
