// SPDX-License-Identifier: Apache-2.0
// The container's cgroup on the host, made by ourselves or by systemd: one directory in cgroup v2, one in
// each hierarchy of cgroup v1. The VM process and all its threads live in it: guest memory and vCPU time are
// charged there.
#pragma once
#include <sys/types.h>

#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/error.h"
#include "oci/spec.h"
#include "runtime/cgroup/cgroup_version.h"

namespace krun::runtime {

class Cgroup {
public:
    // Absolute host paths by controller; "name=systemd" is one of v1 without controllers, "" is v2's.
    using Directories = std::map<std::string, std::string>;

    Cgroup() = default;  // none
    explicit Cgroup(Directories directories) : directories_(std::move(directories)) {}

    bool is_none() const { return directories_.empty(); }
    Directories const& directories() const { return directories_; }
    // Controllers that are mounted together have one.
    std::set<std::string> places() const;
    CgroupVersion const& version() const;

    // The path of a file such as "cpu.stat". kUnsupported if this host has no such controller.
    Result<std::string> path_of(std::string const& file) const;
    Result<std::string> read(std::string const& file) const;
    Result<void> write(std::string const& file, std::string const& value) const;
    // The numbers of its processes, of those below it not.
    std::vector<pid_t> members() const;

private:
    Directories directories_;
};

// Without systemd: where linux.cgroupsPath is, or `/krun-oci/ID` without one. None when the host has no
// cgroups, and in cgroup v1, which delegates nothing, for a user who asks for no place.
Result<Cgroup> cgroup_for(oci::Spec const& spec, std::string const& id);

// What a living process is in, the roots of hierarchies left out.
Cgroup cgroup_of(pid_t pid);

// Of one directory and its controller, the same place in each hierarchy, whether it is there or not.
Cgroup same_place(std::string const& controller, std::string const& directory);

}  // namespace krun::runtime
