// SPDX-License-Identifier: Apache-2.0
// Who the payload is and how much it may use: ids, umask, rlimits, oom_score_adj (runtime-spec
// config.md#posix-process, #user).
#pragma once
#include <vector>

#include "base/error.h"
#include "config-gen/krun_config.h"

namespace krun::init {

// Needs the boot tree's /proc, so before the pivot. Raises fs.nr_open where a limit on open files is higher;
// nobody else shares this kernel.
Result<void> prepare_limits(std::vector<guest::Rlimit> const& rlimits);
Result<void> set_oom_score_adj(int32_t value);

// As root. Nothing is opened afterwards: the limits may be as small as the user likes.
Result<void> apply_rlimits(std::vector<guest::Rlimit> const& rlimits);
// Groups, then gid, then uid: each step still needs what the next gives away.
Result<void> become_user(guest::User const& user);

}  // namespace krun::init
