// SPDX-License-Identifier: Apache-2.0
// What some threads do: system calls, by the kernel's own tracepoint, and processor time.
#pragma once
#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <vector>

#include "base/unique_fd.h"

namespace krun::bench {

// Counts from its making on.
class SystemCallCounter {
public:
    explicit SystemCallCounter(std::vector<pid_t> const& threads);
    // None where the kernel lets nobody count: no tracefs, no rights.
    std::optional<uint64_t> read() const;

private:
    std::vector<UniqueFd> counters_;
};

// That all of them have had together.
uint64_t processor_ns(std::vector<pid_t> const& threads);

}  // namespace krun::bench
