// SPDX-License-Identifier: Apache-2.0
// The container's cgroup on the host (cgroup v2), made by ourselves or by systemd. The VM process and all its
// threads live in it: guest memory and vCPU time are charged there.
#pragma once
#include <sys/types.h>

#include <string>

#include "base/error.h"
#include "base/unique_fd.h"
#include "oci/spec.h"

namespace krun::runtime {

// Without systemd: the absolute host path of the container's cgroup directory for linux.cgroupsPath, or
// `/krun-oci/ID` without one; empty when the host has no cgroup v2 mounted at /sys/fs/cgroup.
Result<std::string> cgroup_path_for(oci::Spec const& spec, std::string const& id);

// Makes the directory with its missing parents, enables the controllers it needs on the way, and writes the
// limits that belong to the host (runtime-spec config-linux.md#control-groups). A directory that exists must
// have no process in it. Returns the directory, for clone3's CLONE_INTO_CGROUP.
Result<UniqueFd> create_cgroup(std::string const& path, oci::Spec const& spec);

// The same for a directory that somebody else has made.
Result<UniqueFd> adopt_cgroup(std::string const& path, oci::Spec const& spec);

// The cgroup (v2) that a living process is in, as cgroup_path_for gives it; empty if it is in none.
std::string cgroup_path_of(pid_t pid);

// Ends what is left in a scope of systemd's, and waits a bounded time until systemd has removed it: that
// never hears of the end of a scope whose cgroup somebody else takes away. Then as remove_cgroup.
Result<void> end_scope_cgroup(std::string const& path);

// Removes the directory and the empty ones below it. A missing one is no error. Waits a bounded time for
// processes that are just ending. Follows no symbolic link.
Result<void> remove_cgroup(std::string const& path);

}  // namespace krun::runtime
