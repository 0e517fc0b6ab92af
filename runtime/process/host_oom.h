// SPDX-License-Identifier: Apache-2.0
// Whether a container ran out of memory engines read from the host's kernel: memory.events of its cgroup
// (containerd's shim, conmon), or in cgroup v1 the event of memory.oom_control. What the guest's kernel kills
// is not in there.
#pragma once
#include <cstdint>

namespace krun::runtime {

// Ends this process as its payload was: takes memory until the cgroup's limit is met and the host's kernel
// kills what has most of it. At most `most_bytes`, which is what the cgroup allows in all. Returns if it was
// not killed.
void run_out_of_memory(uint64_t most_bytes);

}  // namespace krun::runtime
