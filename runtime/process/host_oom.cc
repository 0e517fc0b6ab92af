// SPDX-License-Identifier: Apache-2.0
#include "runtime/process/host_oom.h"

#include <sys/mman.h>

namespace krun::runtime {

// MAP_POPULATE, and not by touching the pages: a process that may not be killed (oom_score_adj -1000) would
// fault for ever; this fails, in silence.
void run_out_of_memory(uint64_t most_bytes) {
    constexpr uint64_t kStep = uint64_t{1} << 20;
    for (uint64_t taken = 0; taken < most_bytes; taken += kStep) {
        void* const step =
            ::mmap(nullptr, kStep, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
        if (step == MAP_FAILED) return;
    }
}

}  // namespace krun::runtime
