// SPDX-License-Identifier: Apache-2.0
// runtime-spec config-linux.md as plain structs, except cgroup limits (spec_resources.h).
#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "oci/spec_resources.h"

namespace krun::oci {

struct Namespace {
    std::string type;  // "pid", "network", "mount", "ipc", "uts", "user", "cgroup", "time"
    std::string path;  // absolute, or empty for a new namespace
};

struct IdMapping {
    uint32_t container_id = 0;
    uint32_t host_id = 0;
    uint32_t size = 0;
};

struct Device {
    std::string type;  // "c", "b", "u" or "p"
    std::string path;  // absolute, in the container
    int64_t major = 0;
    int64_t minor = 0;
    std::optional<uint32_t> file_mode;
    std::optional<uint32_t> uid;
    std::optional<uint32_t> gid;
};

struct SeccompArg {
    uint32_t index = 0;
    uint64_t value = 0;
    uint64_t value_two = 0;
    std::string op;  // "SCMP_CMP_EQ"
};

struct SeccompRule {
    std::vector<std::string> names;
    std::string action;  // "SCMP_ACT_ALLOW"
    std::optional<uint32_t> errno_ret;
    std::vector<SeccompArg> args;
};

struct Seccomp {
    std::string default_action;
    std::optional<uint32_t> default_errno_ret;
    std::vector<std::string> architectures;
    std::vector<std::string> flags;
    std::string listener_path;
    std::string listener_metadata;
    std::vector<SeccompRule> syscalls;
};

struct IntelRdt {
    std::string clos_id;
    std::vector<std::string> schemata;
    std::string l3_cache_schema;
    std::string mem_bw_schema;
    bool enable_monitoring = false;
    bool enable_cmt = false;
    bool enable_mbm = false;
};

struct Personality {
    std::string domain;  // "LINUX" or "LINUX32"
    std::vector<std::string> flags;
};

struct TimeOffset {
    int64_t secs = 0;
    uint32_t nanosecs = 0;
};

struct NetDevice {
    std::string name;  // in the container; empty: as on the host
};

struct MemoryPolicy {
    std::string mode;
    std::string nodes;
    std::vector<std::string> flags;
};

struct Linux {
    std::vector<Namespace> namespaces;
    std::vector<IdMapping> uid_mappings;
    std::vector<IdMapping> gid_mappings;
    std::vector<Device> devices;
    std::string cgroups_path;
    std::optional<Resources> resources;
    std::string rootfs_propagation;  // "private", "shared", "slave", "unbindable", with or without "r"
    std::optional<Seccomp> seccomp;
    std::map<std::string, std::string> sysctl;
    std::vector<std::string> masked_paths;
    std::vector<std::string> readonly_paths;
    std::string mount_label;
    std::optional<IntelRdt> intel_rdt;
    std::optional<Personality> personality;
    std::map<std::string, TimeOffset> time_offsets;  // key "boottime" or "monotonic"
    std::map<std::string, NetDevice> net_devices;    // key: the name on the host
    std::optional<MemoryPolicy> memory_policy;

    // The namespace of `type`, or nullptr: it is not listed, so the container shares the caller's.
    Namespace const* find_namespace(std::string_view type) const {
        for (auto const& ns : namespaces)
            if (ns.type == type) return &ns;
        return nullptr;
    }
};

}  // namespace krun::oci
