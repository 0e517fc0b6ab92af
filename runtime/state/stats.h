// SPDX-License-Identifier: Apache-2.0
// What a container uses: its payload, as the guest's kernel counts it, and the machine around it, as the
// host's does.
#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "base/error.h"
#include "runtime/state/container.h"

namespace krun::runtime {

struct Stats {
    // A file's fields by name, where it has any; what the kernel in question does not count is missing.
    using Counters = std::map<std::string, uint64_t>;
    static constexpr uint64_t kUnlimited = UINT64_MAX;

    struct Memory {  // bytes
        uint64_t usage = 0;
        uint64_t peak = 0;
        uint64_t limit = kUnlimited;
    };
    // Of the payload.
    Counters cpu;  // cpu.stat, µs
    Memory memory;
    Memory swap;
    Counters memory_stat;    // memory.stat, mostly bytes
    Counters memory_events;  // memory.events
    uint64_t pids = 0;
    uint64_t pids_limit = kUnlimited;
    // Of the machine; zero without a cgroup of its own.
    Counters machine_cpu;
    Memory machine_memory;
};

// A text of lines "NAME NUMBER". The payload's come from the guest: a line that is none is left out.
Stats::Counters read_counters(std::string_view text);

// How often the guest's kernel has killed a process of the payload's for want of memory. Waits for the guest.
Result<uint64_t> count_oom_kills(Container const& container);

// Waits for the guest. kBadState unless the container is created or running.
Result<Stats> collect_stats(Container const& container);

// An event in the form that runc's `events` has: {"type":"stats","id":…,"data":{…}}. data.machine is ours.
std::string stats_event(std::string const& id, Stats const& stats);
std::string oom_event(std::string const& id);

}  // namespace krun::runtime
