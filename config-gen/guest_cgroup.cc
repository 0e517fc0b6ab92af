// SPDX-License-Identifier: Apache-2.0
#include "config-gen/guest_cgroup.h"

#include <algorithm>
#include <string_view>

namespace krun {
namespace {

using Files = std::map<std::string, std::string>;

// Of the files that `unified` may name: those that mean in the guest what they mean on the host. cpuset's
// name processors of the host.
constexpr std::string_view kUnifiedPrefixes[] = {"cpu.", "memory.", "pids."};

constexpr uint64_t kDefaultPeriodUs = 100'000;  // cgroup-v2.rst, cpu.max

std::string limit_text(int64_t value) {
    return value < 0 ? "max" : std::to_string(value);
}

// 0 is what is not wanted: CRI-O sets every member.
void add_memory(oci::MemoryLimits const& memory, Files& out) {
    int64_t const limit = memory.limit.value_or(0);
    int64_t const swap = memory.swap.value_or(0);
    if (limit != 0) out["memory.max"] = limit_text(limit);
    if (memory.reservation.value_or(0) != 0) out["memory.low"] = limit_text(*memory.reservation);
    // The spec counts memory plus swap, the kernel swap alone.
    if (swap < 0) out["memory.swap.max"] = "max";
    if (swap > 0 && limit > 0) out["memory.swap.max"] = limit_text(std::max<int64_t>(0, swap - limit));
}

void add_cpu(oci::CpuLimits const& cpu, Files& out) {
    // cgroup v2's weight (1..10000) for v1's shares (2..262144), by the formula that runc and crun use.
    if (cpu.shares.value_or(0) != 0)
        out["cpu.weight"] =
            std::to_string(1 + ((std::clamp<uint64_t>(*cpu.shares, 2, 262144) - 2) * 9999) / 262142);
    int64_t const quota = cpu.quota.value_or(0);
    uint64_t const period = cpu.period.value_or(0);
    if (quota != 0 || period != 0)
        out["cpu.max"] = (quota <= 0 ? "max" : std::to_string(quota)) + " " +
                         std::to_string(period != 0 ? period : kDefaultPeriodUs);
    if (cpu.burst) out["cpu.max.burst"] = std::to_string(*cpu.burst);
    if (cpu.idle.value_or(0) != 0) out["cpu.idle"] = std::to_string(*cpu.idle);
    // The machine has as many processors as the list, numbered from 0: all of them are the payload's. The
    // empty text keeps cpuset.cpus as it is and makes the controller's files appear.
    if (!cpu.cpus.empty()) out["cpuset.cpus"] = "";
}

bool is_guests(std::string_view file) {
    return std::any_of(std::begin(kUnifiedPrefixes), std::end(kUnifiedPrefixes),
                       [&](std::string_view prefix) { return file.starts_with(prefix); });
}

}  // namespace

std::map<std::string, std::string> guest_cgroup(oci::Resources const& resources) {
    Files out;
    if (resources.pids && resources.pids->limit != 0) out["pids.max"] = limit_text(resources.pids->limit);
    if (resources.memory) add_memory(*resources.memory, out);
    if (resources.cpu) add_cpu(*resources.cpu, out);
    for (auto const& [file, value] : resources.unified)
        if (is_guests(file)) out[file] = value;
    return out;
}

}  // namespace krun
