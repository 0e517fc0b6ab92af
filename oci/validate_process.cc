// SPDX-License-Identifier: Apache-2.0
// Rules of runtime-spec config.md#process.
#include "base/capability_names.h"
#include "oci/names.h"
#include "oci/validate.h"
#include "oci/verdict.h"

namespace krun::oci {
namespace {

constexpr uint32_t kMaxCells = 65535;  // struct winsize has 16-bit members
constexpr uint32_t kMaxUmask = 0777;
constexpr int32_t kMaxOomScoreAdj = 1000;  // proc(5)

Result<void> check_capability_set(std::vector<std::string> const& names, std::string const& path) {
    for (size_t i = 0; i < names.size(); ++i)
        if (!is_one_of(names[i], kCapabilityNames))
            return fail(invalid(item(path, i), "unknown capability", names[i]));
    return {};
}

Result<void> check_capabilities(Process const& process, std::string const& path) {
    if (!process.capabilities) return {};
    auto const& sets = *process.capabilities;
    std::string const at = below(path, "capabilities");
    TRY(check_capability_set(sets.bounding, below(at, "bounding")));
    TRY(check_capability_set(sets.effective, below(at, "effective")));
    TRY(check_capability_set(sets.inheritable, below(at, "inheritable")));
    TRY(check_capability_set(sets.permitted, below(at, "permitted")));
    return check_capability_set(sets.ambient, below(at, "ambient"));
}

Result<void> check_rlimits(Process const& process, std::string const& path) {
    auto const& limits = process.rlimits;
    for (size_t i = 0; i < limits.size(); ++i) {
        std::string const at = item(below(path, "rlimits"), i);
        if (!is_one_of(limits[i].type, kRlimitNames))
            return fail(invalid(at + ".type", "unknown rlimit", limits[i].type));
        for (size_t j = 0; j < i; ++j)
            if (limits[j].type == limits[i].type)
                return fail(invalid(at + ".type", "must not be listed twice", limits[i].type));
        if (limits[i].soft > limits[i].hard)
            return fail(invalid(at + ".soft",
                                "must not be above the hard limit " + std::to_string(limits[i].hard),
                                limits[i].soft));
    }
    return {};
}

Result<void> check_command(Process const& process, std::string const& path) {
    if (process.args.empty()) return fail(invalid(below(path, "args"), "must have at least one element"));
    if (process.args[0].empty()) return fail(invalid(below(path, "args[0]"), "must not be empty"));
    if (!is_absolute(process.cwd))
        return fail(invalid(below(path, "cwd"), "must be an absolute path", process.cwd));
    return {};
}

// 2^32-1 is no id: to setresuid(2) and its like it means "leave as it is", which would be root.
Result<void> check_ids(Process const& process, std::string const& path) {
    auto const& user = process.user;
    std::string const rule = "must be below 4294967295";
    if (user.uid == UINT32_MAX) return fail(invalid(below(path, "user.uid"), rule, user.uid));
    if (user.gid == UINT32_MAX) return fail(invalid(below(path, "user.gid"), rule, user.gid));
    for (size_t i = 0; i < user.additional_gids.size(); ++i)
        if (user.additional_gids[i] == UINT32_MAX)
            return fail(invalid(item(below(path, "user.additionalGids"), i), rule, user.additional_gids[i]));
    return {};
}

Result<void> check_ranges(Process const& process, std::string const& path) {
    if (auto const& size = process.console_size;
        size && (size->height > kMaxCells || size->width > kMaxCells))
        return fail(invalid(below(path, "consoleSize"), "must be at most 65535 rows and columns"));
    if (process.user.umask.value_or(0) > kMaxUmask)
        return fail(
            invalid(below(path, "user.umask"), "must be at most 511 (octal 777)", *process.user.umask));
    int32_t const oom = process.oom_score_adj.value_or(0);
    if (oom < -kMaxOomScoreAdj || oom > kMaxOomScoreAdj)
        return fail(invalid(below(path, "oomScoreAdj"), "must be from -1000 to 1000", oom));
    return {};
}

// sched_setattr(2): which policy takes which member.
Result<void> check_scheduler(Process const& process, std::string const& path) {
    if (!process.scheduler) return {};
    auto const& wanted = *process.scheduler;
    std::string const at = below(path, "scheduler");
    if (!is_one_of(wanted.policy, kSchedulerPolicies))
        return fail(invalid(at + ".policy", "unknown policy", wanted.policy));
    for (size_t i = 0; i < wanted.flags.size(); ++i)
        if (!is_one_of(wanted.flags[i], kSchedulerFlags))
            return fail(invalid(item(at + ".flags", i), "unknown flag", wanted.flags[i]));
    if (wanted.nice < -20 || wanted.nice > 19)
        return fail(invalid(at + ".nice", "must be from -20 to 19", wanted.nice));
    bool const real_time = wanted.policy == "SCHED_FIFO" || wanted.policy == "SCHED_RR";
    int const lowest = real_time ? 1 : 0;
    int const highest = real_time ? 99 : 0;
    if (wanted.priority < lowest || wanted.priority > highest)
        return fail(invalid(at + ".priority",
                            "must be from 1 to 99 for SCHED_FIFO and SCHED_RR, 0 for others",
                            wanted.priority));
    bool const has_times = wanted.runtime != 0 || wanted.deadline != 0 || wanted.period != 0;
    if (has_times && wanted.policy != "SCHED_DEADLINE")
        return fail(invalid(at, "runtime, deadline and period are for SCHED_DEADLINE"));
    return {};
}

Result<void> check_io_priority(Process const& process, std::string const& path) {
    if (!process.io_priority) return {};
    auto const& [class_name, priority] = *process.io_priority;
    std::string const at = below(path, "ioPriority");
    if (!is_one_of(class_name, kIoPriorityClasses))
        return fail(invalid(at + ".class", "unknown class", class_name));
    if (priority < 0 || priority > 7) return fail(invalid(at + ".priority", "must be from 0 to 7", priority));
    return {};
}

constexpr Result<void> (*kChecks[])(Process const&, std::string const&) = {
    check_command, check_capabilities, check_rlimits,     check_ids,
    check_ranges,  check_scheduler,    check_io_priority,
};

}  // namespace

Result<void> validate_process(Process const& process, std::string const& path) {
    for (auto const check : kChecks) TRY(check(process, path));
    return {};
}

}  // namespace krun::oci
