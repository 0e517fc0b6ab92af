// SPDX-License-Identifier: Apache-2.0
#include "bench/driver/thread_meter.h"

#include <linux/perf_event.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <fstream>
#include <string>

namespace krun::bench {
namespace {

uint64_t number_in(std::string const& path) {
    std::ifstream file(path);
    uint64_t number = 0;
    file >> number;
    return number;
}

// The tracepoint's number, 0 if there is none to be seen.
uint64_t system_call_event() {
    for (char const* root : {"/sys/kernel/tracing", "/sys/kernel/debug/tracing"})
        if (uint64_t const id = number_in(std::string(root) + "/events/raw_syscalls/sys_enter/id")) return id;
    return 0;
}

UniqueFd count_system_calls(pid_t thread, uint64_t event) {
    perf_event_attr attr{};
    attr.size = sizeof attr;
    attr.type = PERF_TYPE_TRACEPOINT;
    attr.config = event;
    return UniqueFd(
        static_cast<int>(::syscall(SYS_perf_event_open, &attr, thread, -1, -1, PERF_FLAG_FD_CLOEXEC)));
}

}  // namespace

SystemCallCounter::SystemCallCounter(std::vector<pid_t> const& threads) {
    uint64_t const event = system_call_event();
    for (pid_t const thread : threads) {
        if (event == 0) break;
        counters_.push_back(count_system_calls(thread, event));
        if (counters_.back().valid()) continue;
        counters_.clear();
        break;
    }
}

std::optional<uint64_t> SystemCallCounter::read() const {
    if (counters_.empty()) return std::nullopt;
    uint64_t sum = 0;
    for (auto const& counter : counters_) {
        uint64_t count = 0;
        if (::read(counter.borrow().raw(), &count, sizeof count) == sizeof count) sum += count;
    }
    return sum;
}

uint64_t processor_ns(std::vector<pid_t> const& threads) {
    uint64_t sum = 0;  // of the first word of each schedstat (proc(5))
    for (pid_t const thread : threads) sum += number_in("/proc/" + std::to_string(thread) + "/schedstat");
    return sum;
}

}  // namespace krun::bench
