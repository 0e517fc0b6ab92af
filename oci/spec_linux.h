// SPDX-License-Identifier: Apache-2.0
// runtime-spec config-linux.md as plain structs: what has an effect, except cgroup limits (spec_resources.h).
#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
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

struct TimeOffset {  // what a clock of the container is ahead of the machine's
    int64_t seconds = 0;
    uint32_t nanoseconds = 0;
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
    std::vector<SeccompRule> syscalls;
};

struct Personality {
    std::string domain;  // "LINUX" or "LINUX32"
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
    std::optional<Personality> personality;
    std::map<std::string, TimeOffset> time_offsets;  // by clock: "boottime", "monotonic"

    // The namespace of `type`, or nullptr: it is not listed, so the container shares the caller's.
    Namespace const* find_namespace(std::string_view type) const {
        for (auto const& ns : namespaces)
            if (ns.type == type) return &ns;
        return nullptr;
    }
};

}  // namespace krun::oci
