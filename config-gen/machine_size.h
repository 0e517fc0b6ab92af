// SPDX-License-Identifier: Apache-2.0
// How many vCPUs and how much RAM a container's machine gets. Rules and reasons:
// docs/krun-config.md#machine-size.
#pragma once
#include <cstdint>
#include <optional>

#include "base/error.h"
#include "oci/spec.h"

namespace krun {

struct MachineSize {
    uint32_t vcpus = 1;    // 1..kMaxVcpus
    uint32_t ram_mib = 0;  // kMinRamMib..kMaxRamMib
};

inline constexpr uint32_t kMaxVcpus = 64;
inline constexpr uint32_t kDefaultVcpus = 2;
inline constexpr uint32_t kMinRamMib = 128;
inline constexpr uint32_t kDefaultRamMib = 1024;
inline constexpr uint32_t kMaxRamMib = 1024 * 1024;

// `host_cpus`: those this process may run on, at least 1. The first that says something decides: for vCPUs
// the annotation krun.cpus, vm.hwConfig.vcpus, cpu quota and cpuset (the smaller), the default; for RAM the
// annotation krun.ram_mib, vm.hwConfig.memory, the memory limit, the default. kInvalidConfig names the
// annotation if it is not a number in range.
Result<MachineSize> machine_size(oci::Spec const& spec, uint32_t host_cpus);

// The processors that a quota of their time keeps busy, rounded up; nullopt without one.
std::optional<uint64_t> cpus_of_quota(oci::CpuLimits const& cpu);

}  // namespace krun
