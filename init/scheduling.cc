// SPDX-License-Identifier: Apache-2.0
#include "init/scheduling.h"

#include <linux/ioprio.h>
#include <linux/sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <optional>
#include <span>
#include <string_view>

namespace krun::init {
namespace {

// struct sched_attr of linux/sched/types.h, which no program can include beside the C library's sched.h.
struct SchedulerAttributes {
    uint32_t size = sizeof(SchedulerAttributes);
    uint32_t policy = 0;
    uint64_t flags = 0;
    int32_t nice = 0;
    uint32_t priority = 0;
    uint64_t runtime = 0;
    uint64_t deadline = 0;
    uint64_t period = 0;
};
static_assert(sizeof(SchedulerAttributes) == 48);  // SCHED_ATTR_SIZE_VER0

struct Named {
    std::string_view name;
    unsigned value;
};
constexpr Named kPolicies[] = {
    {"SCHED_OTHER", SCHED_NORMAL}, {"SCHED_FIFO", SCHED_FIFO}, {"SCHED_RR", SCHED_RR},
    {"SCHED_BATCH", SCHED_BATCH},  {"SCHED_IDLE", SCHED_IDLE}, {"SCHED_DEADLINE", SCHED_DEADLINE},
};
constexpr Named kFlags[] = {
    {"SCHED_FLAG_RESET_ON_FORK", SCHED_FLAG_RESET_ON_FORK},
    {"SCHED_FLAG_RECLAIM", SCHED_FLAG_RECLAIM},
    {"SCHED_FLAG_DL_OVERRUN", SCHED_FLAG_DL_OVERRUN},
    {"SCHED_FLAG_KEEP_POLICY", SCHED_FLAG_KEEP_POLICY},
    {"SCHED_FLAG_KEEP_PARAMS", SCHED_FLAG_KEEP_PARAMS},
    {"SCHED_FLAG_UTIL_CLAMP_MIN", SCHED_FLAG_UTIL_CLAMP_MIN},
    {"SCHED_FLAG_UTIL_CLAMP_MAX", SCHED_FLAG_UTIL_CLAMP_MAX},
};
constexpr Named kIoClasses[] = {
    {"IOPRIO_CLASS_RT", IOPRIO_CLASS_RT},
    {"IOPRIO_CLASS_BE", IOPRIO_CLASS_BE},
    {"IOPRIO_CLASS_IDLE", IOPRIO_CLASS_IDLE},
};

Result<unsigned> value_of(std::span<Named const> table, std::string const& name) {
    for (auto const& row : table)
        if (row.name == name) return row.value;
    return fail(Error(Errc::kInvalidConfig, "unknown \"" + name + "\""));
}

}  // namespace

Result<void> set_scheduler(guest::Scheduler const& wanted) {
    SchedulerAttributes attr;
    attr.policy = TRY_WITH(value_of(kPolicies, wanted.policy), "scheduler");
    for (auto const& flag : wanted.flags) attr.flags |= TRY_WITH(value_of(kFlags, flag), "scheduler");
    attr.nice = wanted.nice;
    attr.priority = static_cast<uint32_t>(wanted.priority);
    attr.runtime = wanted.runtime;
    attr.deadline = wanted.deadline;
    attr.period = wanted.period;
    if (::syscall(SYS_sched_setattr, 0, &attr, 0) < 0)
        return fail(Error::sys("set scheduler " + wanted.policy));
    return {};
}

Result<void> set_io_priority(guest::IoPriority const& wanted) {
    auto const io_class = TRY_WITH(value_of(kIoClasses, wanted.class_name), "ioPriority");
    auto const value = IOPRIO_PRIO_VALUE(io_class, static_cast<unsigned>(wanted.priority));
    if (::syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS, 0, value) < 0)
        return fail(Error::sys("set I/O priority " + wanted.class_name));
    return {};
}

}  // namespace krun::init
