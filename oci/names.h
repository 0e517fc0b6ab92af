// SPDX-License-Identifier: Apache-2.0
// The names that config.json may use where the specification has a closed list. `features` prints them and
// validate.h checks against them, so that neither can promise what the other refuses.
#pragma once
#include <algorithm>
#include <iterator>
#include <string_view>

namespace krun::oci {

// getrlimit(2) on x86-64; a name's place is its number.
inline constexpr std::string_view kRlimitNames[] = {
    "RLIMIT_CPU",      "RLIMIT_FSIZE", "RLIMIT_DATA",   "RLIMIT_STACK",
    "RLIMIT_CORE",     "RLIMIT_RSS",   "RLIMIT_NPROC",  "RLIMIT_NOFILE",
    "RLIMIT_MEMLOCK",  "RLIMIT_AS",    "RLIMIT_LOCKS",  "RLIMIT_SIGPENDING",
    "RLIMIT_MSGQUEUE", "RLIMIT_NICE",  "RLIMIT_RTPRIO", "RLIMIT_RTTIME",
};

inline constexpr std::string_view kNamespaceTypes[] = {"cgroup", "ipc",  "mount", "network",
                                                       "pid",    "time", "user",  "uts"};

// sched(7). SCHED_ISO is reserved in Linux and not implemented.
inline constexpr std::string_view kSchedulerPolicies[] = {"SCHED_BATCH", "SCHED_DEADLINE", "SCHED_FIFO",
                                                          "SCHED_IDLE",  "SCHED_OTHER",    "SCHED_RR"};

inline constexpr std::string_view kSchedulerFlags[] = {
    "SCHED_FLAG_DL_OVERRUN",    "SCHED_FLAG_KEEP_PARAMS",    "SCHED_FLAG_KEEP_POLICY",   "SCHED_FLAG_RECLAIM",
    "SCHED_FLAG_RESET_ON_FORK", "SCHED_FLAG_UTIL_CLAMP_MAX", "SCHED_FLAG_UTIL_CLAMP_MIN"};

inline constexpr std::string_view kIoPriorityClasses[] = {"IOPRIO_CLASS_BE", "IOPRIO_CLASS_IDLE",
                                                          "IOPRIO_CLASS_RT"};

// time_namespaces(7)
inline constexpr std::string_view kOffsetClocks[] = {"boottime", "monotonic"};

inline constexpr std::string_view kPropagations[] = {"private",     "rprivate", "rshared", "rslave",
                                                     "runbindable", "shared",   "slave",   "unbindable"};

// SCMP_ACT_NOTIFY is known and refused: its listener would need a descriptor of the guest's kernel.
inline constexpr std::string_view kSeccompActions[] = {
    "SCMP_ACT_ALLOW",       "SCMP_ACT_ERRNO", "SCMP_ACT_KILL",  "SCMP_ACT_KILL_PROCESS",
    "SCMP_ACT_KILL_THREAD", "SCMP_ACT_LOG",   "SCMP_ACT_TRACE", "SCMP_ACT_TRAP"};

inline constexpr std::string_view kSeccompOperators[] = {"SCMP_CMP_EQ", "SCMP_CMP_GE", "SCMP_CMP_GT",
                                                         "SCMP_CMP_LE", "SCMP_CMP_LT", "SCMP_CMP_MASKED_EQ",
                                                         "SCMP_CMP_NE"};

// All that the specification names: profiles list foreign ones, which have no effect on an x86-64 guest.
inline constexpr std::string_view kSeccompArchs[] = {
    "SCMP_ARCH_AARCH64",  "SCMP_ARCH_ARM",         "SCMP_ARCH_LOONGARCH64", "SCMP_ARCH_M68K",
    "SCMP_ARCH_MIPS",     "SCMP_ARCH_MIPS64",      "SCMP_ARCH_MIPS64N32",   "SCMP_ARCH_MIPSEL",
    "SCMP_ARCH_MIPSEL64", "SCMP_ARCH_MIPSEL64N32", "SCMP_ARCH_PARISC",      "SCMP_ARCH_PARISC64",
    "SCMP_ARCH_PPC",      "SCMP_ARCH_PPC64",       "SCMP_ARCH_PPC64LE",     "SCMP_ARCH_RISCV64",
    "SCMP_ARCH_S390",     "SCMP_ARCH_S390X",       "SCMP_ARCH_SH",          "SCMP_ARCH_SHEB",
    "SCMP_ARCH_X32",      "SCMP_ARCH_X86",         "SCMP_ARCH_X86_64"};

inline constexpr std::string_view kSeccompFlags[] = {
    "SECCOMP_FILTER_FLAG_LOG", "SECCOMP_FILTER_FLAG_SPEC_ALLOW", "SECCOMP_FILTER_FLAG_TSYNC",
    "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"};

template <class Names>
constexpr bool is_one_of(std::string_view name, Names const& names) {
    return std::find(std::begin(names), std::end(names), name) != std::end(names);
}

}  // namespace krun::oci
