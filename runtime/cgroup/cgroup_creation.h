// SPDX-License-Identifier: Apache-2.0
// Making a container's cgroup, and the way of a child into it.
#pragma once
#include <vector>

#include "base/error.h"
#include "base/unique_fd.h"
#include "oci/spec.h"
#include "runtime/cgroup/cgroup.h"

namespace krun::runtime {

// The way into a cgroup, opened before anything changes that a path means. A child is born in v2's part
// (fork_into) and goes by itself into v1's (enter_rest). Without descriptors it is no cgroup's.
struct CgroupEntry {
    UniqueFd birthplace;          // the directory of cgroup v2
    std::vector<UniqueFd> lists;  // cgroup.procs of each hierarchy of v1
};

// Makes the directories with their missing parents, with what a process needs to be in them: the controllers
// of v2, processors and memory nodes of v1's cpuset. Writes the limits that belong to the host (runtime-spec
// config-linux.md#control-groups). A directory that exists must have no process in it. On failure those that
// were made are gone again, but for their parents.
Result<CgroupEntry> create_cgroup(Cgroup const& cgroup, oci::Spec const& spec);

// The same of one that somebody else has made, or of its part in some hierarchies.
Result<CgroupEntry> adopt_cgroup(Cgroup const& cgroup, oci::Spec const& spec);

// Of one that is there.
Result<CgroupEntry> open_cgroup(Cgroup const& cgroup);

}  // namespace krun::runtime
