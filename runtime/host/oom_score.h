// SPDX-License-Identifier: Apache-2.0
// How soon the host's kernel ends this process when memory runs out (runtime-spec config.md#process
// oomScoreAdj): the payload's own score only counts among the processes of its guest.
#pragma once
#include <cstdint>

#include "base/error.h"

namespace krun::runtime {

// Of this process. Names the field when it fails, as it does for a process without CAP_SYS_RESOURCE that asks
// for less than it has (proc(5)). REQUIRES: /proc is still in reach.
Result<void> set_oom_score_adj(int32_t value);

}  // namespace krun::runtime
