// SPDX-License-Identifier: Apache-2.0
// pause and resume: the container's cgroup is frozen (cgroup-v2.rst, cgroup.freeze), so the virtual machine
// stands still with all its threads. Needs a cgroup v2 of the container's own.
#pragma once
#include <string>

#include "base/error.h"

namespace krun::runtime {

// `cgroup` is an absolute host path; an empty one is kUnsupported. Returns when the kernel says that it is
// done; what cannot be frozen within ten seconds is thawed again.
Result<void> freeze(std::string const& cgroup);
Result<void> thaw(std::string const& cgroup);
// Whether it is to be frozen. False without a cgroup.
bool is_frozen(std::string const& cgroup);

}  // namespace krun::runtime
