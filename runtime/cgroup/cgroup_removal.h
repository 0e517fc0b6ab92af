// SPDX-License-Identifier: Apache-2.0
// The end of a container's cgroup.
#pragma once
#include "base/error.h"
#include "runtime/cgroup/cgroup.h"

namespace krun::runtime {

// Ends what is left in it, frozen or not, and removes its directories and those below them. A missing one is
// no error. Waits a bounded time for processes that are just ending. Follows no symbolic link.
Result<void> remove_cgroup(Cgroup const& cgroup);

// The same of a scope of systemd's; waits a bounded time until that has removed it: it never hears of the end
// of a scope whose cgroup somebody else takes away.
Result<void> end_scope_cgroup(Cgroup const& cgroup);

}  // namespace krun::runtime
