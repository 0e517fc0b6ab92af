// SPDX-License-Identifier: Apache-2.0
// The payload's own cgroup in the guest: the host limits the machine, this one holds what only the guest can
// count (pids) and shows programs the limits they look for.
#pragma once
#include <map>
#include <string>

#include "base/error.h"
#include "base/unique_fd.h"

namespace krun::init {

// The controllers that the files of `limits` belong to, as cgroup.subtree_control takes them: "+cpu +pids".
std::string controllers_of(std::map<std::string, std::string> const& limits);

// Creates "payload" below `hierarchy`, a mounted cgroup2, and writes `limits` (file name: value) into it. The
// directory is what clone3(2) takes as CLONE_INTO_CGROUP.
Result<UniqueFd> create_payload_cgroup(std::string const& hierarchy,
                                       std::map<std::string, std::string> const& limits);

}  // namespace krun::init
