// SPDX-License-Identifier: Apache-2.0
#include "config-gen/machine_size.h"

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>

#include "base/strings.h"
#include "oci/annotations.h"

namespace krun {
namespace {

constexpr uint64_t kMib = uint64_t{1} << 20;
// runtime-spec's cpu.period when only quota is given: the kernel's default, in µs.
constexpr uint64_t kDefaultPeriod = 100'000;

// How many processors a list such as "0-3,7" names; nullopt if it is empty or no list.
std::optional<uint64_t> cpus_of_list(std::string const& list) {
    uint64_t total = 0;
    for (auto const part : split(list, ',')) {
        auto const dash = part.find('-');
        auto const first = parse_uint64(part.substr(0, dash));
        auto const last = dash == std::string_view::npos ? first : parse_uint64(part.substr(dash + 1));
        // No machine has more; and the sum cannot overflow.
        if (!first || !last || *last < *first || *last > 65535) return std::nullopt;
        total += *last - *first + 1;
    }
    return total;
}

uint64_t vcpus_of_limits(oci::Spec const& spec, uint32_t host_cpus) {
    uint64_t const fallback = kDefaultVcpus;
    if (!spec.linux.resources || !spec.linux.resources->cpu) return std::min<uint64_t>(fallback, host_cpus);
    auto const& cpu = *spec.linux.resources->cpu;
    auto const quota = cpus_of_quota(cpu);
    auto const list = cpus_of_list(cpu.cpus);
    if (!quota && !list) return std::min<uint64_t>(fallback, host_cpus);
    return std::min({quota.value_or(UINT64_MAX), list.value_or(UINT64_MAX), uint64_t{host_cpus}});
}

uint64_t ram_mib_of_limits(oci::Spec const& spec) {
    if (!spec.linux.resources || !spec.linux.resources->memory) return kDefaultRamMib;
    int64_t const limit = spec.linux.resources->memory->limit.value_or(0);
    if (limit <= 0) return kDefaultRamMib;
    return (static_cast<uint64_t>(limit) - 1) / kMib + 1;
}

}  // namespace

std::optional<uint64_t> cpus_of_quota(oci::CpuLimits const& cpu) {
    int64_t const quota = cpu.quota.value_or(0);
    uint64_t const period = cpu.period.value_or(kDefaultPeriod);
    if (quota <= 0 || period == 0) return std::nullopt;
    return (static_cast<uint64_t>(quota) - 1) / period + 1;
}

Result<MachineSize> machine_size(oci::Spec const& spec, uint32_t host_cpus) {
    auto const wanted = TRY(oci::read_annotations(spec.annotations));
    uint64_t vcpus = vcpus_of_limits(spec, host_cpus);
    uint64_t ram_mib = ram_mib_of_limits(spec);
    if (spec.vm && spec.vm->hw_config) {
        vcpus =
            spec.vm->hw_config->vcpus.value_or(static_cast<uint32_t>(std::min<uint64_t>(vcpus, kMaxVcpus)));
        if (spec.vm->hw_config->memory) ram_mib = (*spec.vm->hw_config->memory + kMib - 1) / kMib;
    }
    return MachineSize{
        wanted.cpus.value_or(static_cast<uint32_t>(std::clamp<uint64_t>(vcpus, 1, kMaxVcpus))),
        wanted.ram_mib.value_or(static_cast<uint32_t>(std::clamp<uint64_t>(ram_mib, kMinRamMib, kMaxRamMib))),
    };
}

}  // namespace krun
