// SPDX-License-Identifier: Apache-2.0
// pause and resume: the container's cgroup is frozen (cgroup-v2.rst, cgroup.freeze; cgroup-v1,
// freezer-subsystem.rst), so the virtual machine stands still with all its threads.
#pragma once
#include "base/error.h"
#include "runtime/cgroup/cgroup.h"

namespace krun::runtime {

// Without a cgroup kUnsupported. Returns when the kernel says that it is frozen, ten seconds later at most;
// then it is thawed again.
Result<void> freeze(Cgroup const& cgroup);
Result<void> thaw(Cgroup const& cgroup);
// Whether it is to be frozen. False without a cgroup.
bool is_frozen(Cgroup const& cgroup);

}  // namespace krun::runtime
