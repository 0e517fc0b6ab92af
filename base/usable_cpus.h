// SPDX-License-Identifier: Apache-2.0
// The processors that this process may run on.
#pragma once
#include <sched.h>

#include <algorithm>
#include <cstdint>

namespace krun {

// At least 1.
inline uint32_t usable_cpus() {
    cpu_set_t set;
    if (::sched_getaffinity(0, sizeof set, &set) < 0) return 1;  // more CPUs than a cpu_set_t holds
    return static_cast<uint32_t>(std::max(1, CPU_COUNT(&set)));
}

}  // namespace krun
