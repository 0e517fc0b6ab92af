// SPDX-License-Identifier: Apache-2.0
// runtime-spec config-linux.md#control-groups: `linux.resources`, also the input of `update`.
#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace krun::oci {

struct DeviceRule {
    bool allow = false;
    std::string type;  // "a", "c", "b"; empty means "a"
    std::optional<int64_t> major;
    std::optional<int64_t> minor;
    std::string access;  // of "r", "w", "m"
};

struct MemoryLimits {  // bytes; -1 is unlimited
    std::optional<int64_t> limit;
    std::optional<int64_t> reservation;
    std::optional<int64_t> swap;  // memory plus swap
    std::optional<int64_t> kernel;
    std::optional<int64_t> kernel_tcp;
    std::optional<uint64_t> swappiness;
    std::optional<bool> disable_oom_killer;
    std::optional<bool> use_hierarchy;
    std::optional<bool> check_before_update;
};

struct CpuLimits {  // times in µs
    std::optional<uint64_t> shares;
    std::optional<int64_t> quota;
    std::optional<uint64_t> burst;
    std::optional<uint64_t> period;
    std::optional<int64_t> realtime_runtime;
    std::optional<uint64_t> realtime_period;
    std::string cpus;  // a list such as "0-3,7"
    std::string mems;
    std::optional<int64_t> idle;
};

struct PidsLimit {
    int64_t limit = 0;  // 0 or less is unlimited
};

struct DeviceWeight {
    int64_t major = 0;
    int64_t minor = 0;
    std::optional<uint16_t> weight;
    std::optional<uint16_t> leaf_weight;
};

struct DeviceRate {
    int64_t major = 0;
    int64_t minor = 0;
    uint64_t rate = 0;  // bytes or operations a second
};

struct BlockIo {
    std::optional<uint16_t> weight;
    std::optional<uint16_t> leaf_weight;
    std::vector<DeviceWeight> weight_device;
    std::vector<DeviceRate> throttle_read_bps_device;
    std::vector<DeviceRate> throttle_write_bps_device;
    std::vector<DeviceRate> throttle_read_iops_device;
    std::vector<DeviceRate> throttle_write_iops_device;
};

struct HugepageLimit {
    std::string page_size;  // "2MB"
    uint64_t limit = 0;     // bytes
};

struct InterfacePriority {
    std::string name;
    uint32_t priority = 0;
};

struct NetworkLimits {
    std::optional<uint32_t> class_id;
    std::vector<InterfacePriority> priorities;
};

struct RdmaLimit {
    std::optional<uint32_t> hca_handles;
    std::optional<uint32_t> hca_objects;
};

struct Resources {
    std::vector<DeviceRule> devices;
    std::optional<MemoryLimits> memory;
    std::optional<CpuLimits> cpu;
    std::optional<PidsLimit> pids;
    std::optional<BlockIo> block_io;
    std::vector<HugepageLimit> hugepage_limits;
    std::optional<NetworkLimits> network;
    std::map<std::string, RdmaLimit> rdma;       // key: device
    std::map<std::string, std::string> unified;  // key: file name in the cgroup
};

}  // namespace krun::oci
