// SPDX-License-Identifier: Apache-2.0
// Documentation/admin-guide/cgroup-v2.rst
#include <algorithm>

#include "runtime/cgroup/cgroup_version.h"

namespace krun::runtime {
namespace {

using Settings = std::vector<CgroupSetting>;

constexpr uint64_t kDefaultPeriodUs = 100'000;  // cgroup-v2.rst, cpu.max

// cgroup v2's weight (1..10000) for v1's shares (2..262144), by the formula that runc and crun use.
uint64_t weight_of_shares(uint64_t shares) {
    uint64_t const clipped = std::clamp<uint64_t>(shares, 2, 262144);
    return 1 + ((clipped - 2) * 9999) / 262142;
}

// "max" for a negative limit; a sum that does not fit is no limit either.
std::string limit_text(int64_t value, int64_t extra = 0) {
    int64_t sum = 0;
    if (value < 0 || __builtin_add_overflow(value, extra, &sum)) return "max";
    return std::to_string(sum);
}

void add_memory(oci::MemoryLimits const& memory, Settings& out) {
    if (memory.limit && *memory.limit != 0)
        out.push_back({"memory.max", limit_text(*memory.limit, kProcessOverheadBytes)});
    if (memory.reservation && *memory.reservation != 0)
        out.push_back({"memory.low", limit_text(*memory.reservation)});
    // The spec counts memory plus swap, the kernel swap alone.
    if (memory.swap && *memory.swap != 0) {
        int64_t const limit = memory.limit.value_or(0);
        bool const unlimited = *memory.swap < 0 || limit < 0;
        out.push_back({"memory.swap.max",
                       unlimited ? "max" : std::to_string(std::max<int64_t>(0, *memory.swap - limit))});
    }
}

void add_cpu(oci::CpuLimits const& cpu, Settings& out) {
    if (cpu.shares && *cpu.shares != 0)
        out.push_back({"cpu.weight", std::to_string(weight_of_shares(*cpu.shares))});
    // CRI-O sets every member: 0 is what is not wanted, for runc as well.
    int64_t const quota = cpu.quota.value_or(0);
    uint64_t const period = cpu.period.value_or(0);
    if (quota != 0 || period != 0)
        out.push_back({"cpu.max", (quota <= 0 ? "max" : std::to_string(quota)) + " " +
                                      std::to_string(period != 0 ? period : kDefaultPeriodUs)});
    if (cpu.burst) out.push_back({"cpu.max.burst", std::to_string(*cpu.burst)});
    if (cpu.idle) out.push_back({"cpu.idle", std::to_string(*cpu.idle)});
    if (!cpu.cpus.empty()) out.push_back({"cpuset.cpus", cpu.cpus});
    if (!cpu.mems.empty()) out.push_back({"cpuset.mems", cpu.mems});
}

std::string device_text(int64_t major, int64_t minor) {
    return std::to_string(major) + ":" + std::to_string(minor) + " ";
}

// io.max takes one key of one device a write. A rate of 0 would stop the device: it means no limit here, as
// it does in cgroup v1, whose words the specification uses.
void add_rates(std::vector<oci::DeviceRate> const& rates, std::string const& key, Settings& out) {
    for (auto const& [major, minor, rate] : rates)
        out.push_back(
            {"io.max", device_text(major, minor) + key + "=" + (rate == 0 ? "max" : std::to_string(rate))});
}

void add_block_io(oci::BlockIo const& io, Settings& out) {
    if (io.weight && *io.weight != 0) out.push_back({"io.weight", "default " + std::to_string(*io.weight)});
    for (auto const& device : io.weight_device)
        if (device.weight && *device.weight != 0)
            out.push_back(
                {"io.weight", device_text(device.major, device.minor) + std::to_string(*device.weight)});
    add_rates(io.throttle_read_bps_device, "rbps", out);
    add_rates(io.throttle_write_bps_device, "wbps", out);
    add_rates(io.throttle_read_iops_device, "riops", out);
    add_rates(io.throttle_write_iops_device, "wiops", out);
}

// pids.max is the guest's: here it would count our threads.
Settings settings(oci::Resources const& resources) {
    Settings out;
    if (resources.memory) add_memory(*resources.memory, out);
    if (resources.cpu) add_cpu(*resources.cpu, out);
    if (resources.block_io) add_block_io(*resources.block_io, out);
    for (auto const& [file, value] : resources.unified)
        if (file != "pids.max") out.push_back({file, value});
    return out;
}

constexpr CpuCounter kCpu[] = {
    {"usage_usec", "cpu.stat", "usage_usec", 1},     {"user_usec", "cpu.stat", "user_usec", 1},
    {"system_usec", "cpu.stat", "system_usec", 1},   {"nr_periods", "cpu.stat", "nr_periods", 1},
    {"nr_throttled", "cpu.stat", "nr_throttled", 1}, {"throttled_usec", "cpu.stat", "throttled_usec", 1},
};

}  // namespace

constinit CgroupVersion const kCgroupV2 = {
    .settings = settings,
    .freezer = {"cgroup.freeze", "1", "0", "cgroup.freeze", "cgroup.events", "frozen 1",
                "/sys/fs/cgroup/cgroup.procs"},
    .memory = {"memory.current", "memory.peak", "memory.max", UINT64_MAX, "file"},
    .cpu = kCpu,
};

}  // namespace krun::runtime
