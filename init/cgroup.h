// SPDX-License-Identifier: Apache-2.0
// The payload's own cgroup in the guest: the host limits the machine, this one holds what only the guest can
// count (pids) and shows programs the limits they look for.
#pragma once
#include <sys/types.h>

#include <map>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/unique_fd.h"

namespace krun::init {

// All of the text of cgroup.controllers, as cgroup.subtree_control takes them: "+cpu +pids". A payload finds
// the files of each controller in its cgroup, and may divide it further, whether or not it has a limit.
std::string all_controllers(std::string_view available);

// Creates "payload" below `hierarchy`, a mounted cgroup2, and writes `limits` (file name: value) into it. The
// directory is what clone3(2) takes as CLONE_INTO_CGROUP.
Result<UniqueFd> create_payload_cgroup(std::string const& hierarchy,
                                       std::map<std::string, std::string> const& limits);

// Does what a kCgroup frame asks (config-gen/control_protocol.h), and returns what was read. An error has an
// errno. Lowering memory.max waits until the kernel has reclaimed or killed.
Result<std::string> use_cgroup_file(UniqueFd const& payload, std::string_view request);

// The directory `path` below `payload`, the payload's cgroup, or that itself if `path` is empty. What is
// below is the payload's doing: nothing leads out.
Result<UniqueFd> open_cgroup_below(UniqueFd const& payload, std::string const& path);
// The cgroup that process `pid` is in, at or below `payload`. Needs the boot tree's /proc.
Result<UniqueFd> open_cgroup_of(UniqueFd const& payload, pid_t pid);

}  // namespace krun::init
