// SPDX-License-Identifier: Apache-2.0
// Rules of runtime-spec config-linux.md#control-groups. What is written into files of the cgroup must be one
// name, one line.
#include <algorithm>

#include "oci/validate.h"
#include "oci/verdict.h"

namespace krun::oci {
namespace {

constexpr uint16_t kMinWeight = 10;  // config-linux.md#block-io; 0 means unset
constexpr uint16_t kMaxWeight = 1000;

Result<void> check_memory(Resources const& resources, std::string const& path) {
    if (!resources.memory) return {};
    auto const& memory = *resources.memory;
    std::pair<std::string_view, std::optional<int64_t>> const limits[] = {
        {"limit", memory.limit}, {"reservation", memory.reservation}, {"swap", memory.swap}};
    for (auto const& [name, value] : limits)
        if (value.value_or(0) < -1)
            return fail(invalid(below(path, "memory.") + std::string(name),
                                "must be -1 (unlimited) or a size in bytes", *value));
    bool const both = memory.limit.value_or(0) > 0 && memory.swap.value_or(0) > 0;
    if (both && *memory.swap < *memory.limit)  // it is memory plus swap
        return fail(invalid(below(path, "memory.swap"), "must not be below memory.limit, which it includes",
                            *memory.swap));
    return {};
}

// cpuset(7) list format: "0-3,7".
bool is_cpu_list(std::string_view text) {
    return std::all_of(text.begin(), text.end(),
                       [](char c) { return (c >= '0' && c <= '9') || c == '-' || c == ','; });
}

Result<void> check_cpu(Resources const& resources, std::string const& path) {
    if (!resources.cpu) return {};
    auto const& cpu = *resources.cpu;
    if (!is_cpu_list(cpu.cpus))
        return fail(invalid(below(path, "cpu.cpus"), "must be a list such as \"0-3,7\"", cpu.cpus));
    if (!is_cpu_list(cpu.mems))
        return fail(invalid(below(path, "cpu.mems"), "must be a list such as \"0-1\"", cpu.mems));
    if (cpu.idle.value_or(0) != 0 && cpu.idle.value_or(0) != 1)
        return fail(invalid(below(path, "cpu.idle"), "must be 0 or 1", *cpu.idle));
    if (cpu.quota.value_or(0) > 0 && cpu.burst.value_or(0) > static_cast<uint64_t>(*cpu.quota))
        return fail(invalid(below(path, "cpu.burst"), "must not be above cpu.quota", *cpu.burst));
    return {};
}

bool is_weight(std::optional<uint16_t> weight) {
    uint16_t const value = weight.value_or(0);
    return value == 0 || (value >= kMinWeight && value <= kMaxWeight);
}

Result<void> check_block_io(Resources const& resources, std::string const& path) {
    if (!resources.block_io) return {};
    auto const& io = *resources.block_io;
    std::string const at = below(path, "blockIO");
    if (!is_weight(io.weight)) return fail(invalid(at + ".weight", "must be from 10 to 1000", *io.weight));
    for (size_t i = 0; i < io.weight_device.size(); ++i)
        if (!is_weight(io.weight_device[i].weight))
            return fail(invalid(item(at + ".weightDevice", i) + ".weight", "must be from 10 to 1000",
                                *io.weight_device[i].weight));
    return {};
}

// A file name inside the cgroup: a key must not lead elsewhere.
Result<void> check_unified(Resources const& resources, std::string const& path) {
    for (auto const& [name, value] : resources.unified)
        if (name.empty() || name[0] == '.' || name.find('/') != std::string::npos)
            return fail(invalid(below(path, "unified"), "must be the name of a cgroup file", name));
    return {};
}

Result<void> check_hugepages(Resources const& resources, std::string const& path) {
    for (size_t i = 0; i < resources.hugepage_limits.size(); ++i) {
        std::string const& size = resources.hugepage_limits[i].page_size;
        size_t const digits = size.find_first_not_of("0123456789");
        bool const unit = digits != std::string::npos && digits > 0;
        if (!unit ||
            (size.substr(digits) != "KB" && size.substr(digits) != "MB" && size.substr(digits) != "GB"))
            return fail(
                invalid(item(below(path, "hugepageLimits"), i) + ".pageSize", "must be like \"2MB\"", size));
    }
    return {};
}

Result<void> check_rdma(Resources const& resources, std::string const& path) {
    for (auto const& [device, limit] : resources.rdma)
        if (device.empty() || device.find_first_of(" \n") != std::string::npos)
            return fail(invalid(below(path, "rdma"), "must be keyed by device name", device));
    return {};
}

constexpr Result<void> (*kChecks[])(Resources const&, std::string const&) = {
    check_memory, check_cpu, check_block_io, check_unified, check_hugepages, check_rdma,
};

}  // namespace

Result<void> validate_resources(Resources const& resources, std::string const& path) {
    for (auto const check : kChecks) TRY(check(resources, path));
    return {};
}

}  // namespace krun::oci
