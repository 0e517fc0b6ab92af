// SPDX-License-Identifier: Apache-2.0
// Where this host has its cgroups: in the one hierarchy of cgroup v2, in the many of cgroup v1, or in both
// (cgroups(7)).
#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace krun::runtime {

inline constexpr char const* kCgroupRoot = "/sys/fs/cgroup";
// Where containers go whose config.json names no cgroup. The directory is ours: it goes with its last child.
inline constexpr char const* kDefaultCgroupParent = "/krun-oci";

enum class CgroupMode {
    kNone,     // nothing below kCgroupRoot
    kUnified,  // v2 alone
    kHybrid,   // v1 with the controllers, v2 beside it without any
    kLegacy,   // v1 alone
};

struct CgroupHierarchy {
    std::string mount_point;
    std::string root;  // the cgroup that the mount point is: "/", but in a container
    // v1: those mounted together, as "cpu" and "cpuacct", or "name=systemd" without any. v2: the one name "".
    std::vector<std::string> controllers;
};

struct CgroupHierarchies {
    CgroupMode mode = CgroupMode::kNone;
    std::vector<CgroupHierarchy> all;
};

// From the texts of /proc/self/mountinfo and /proc/self/cgroup: the latter says which of a mount's options
// are controllers. Each hierarchy once, where it is mounted below kCgroupRoot.
CgroupHierarchies parse_cgroup_hierarchies(std::string_view mountinfo, std::string_view own_cgroups);

// This host's, as the calling process sees it.
CgroupHierarchies find_cgroup_hierarchies();

}  // namespace krun::runtime
