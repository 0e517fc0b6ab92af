// SPDX-License-Identifier: Apache-2.0
// What some threads have done since a moment: system calls, by the kernel's own tracepoint, and processor
// time.
#pragma once
#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <vector>

#include "base/unique_fd.h"

namespace krun::bench {

class ThreadMeter {
public:
    struct Reading {
        std::optional<uint64_t>
            system_calls;  // none where the kernel lets nobody count: no tracefs, no rights
        uint64_t processor_ns = 0;
    };
    explicit ThreadMeter(std::vector<pid_t> threads);
    // Since the meter was made.
    Reading read() const;

private:
    uint64_t processor_ns() const;

    std::vector<pid_t> threads_;
    std::vector<UniqueFd> counters_;
    uint64_t begin_ns_ = 0;
};

}  // namespace krun::bench
