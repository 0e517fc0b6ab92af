// SPDX-License-Identifier: Apache-2.0
// runtime-spec config.md#process as plain structs: what has an effect (fields_process.cc names the rest and
// says why it has none). Enumerations stay the strings the user wrote;
// validate.h has checked that they are known names.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace krun::oci {

struct ConsoleSize {  // character cells
    uint32_t height = 0;
    uint32_t width = 0;
};

struct User {
    uint32_t uid = 0;
    uint32_t gid = 0;
    std::optional<uint32_t> umask;
    std::vector<uint32_t> additional_gids;
};

struct Capabilities {  // names such as "CAP_CHOWN"
    std::vector<std::string> bounding;
    std::vector<std::string> effective;
    std::vector<std::string> inheritable;
    std::vector<std::string> permitted;
    std::vector<std::string> ambient;
};

struct Rlimit {
    std::string type;  // "RLIMIT_NOFILE"
    uint64_t soft = 0;
    uint64_t hard = 0;
};

struct Scheduler {       // sched(7)
    std::string policy;  // "SCHED_RR"
    int32_t nice = 0;
    int32_t priority = 0;
    std::vector<std::string> flags;  // "SCHED_FLAG_RESET_ON_FORK"
    uint64_t runtime = 0;            // ns; these three for SCHED_DEADLINE
    uint64_t deadline = 0;
    uint64_t period = 0;
};

struct IoPriority {          // ioprio_set(2)
    std::string class_name;  // "IOPRIO_CLASS_BE"
    int32_t priority = 0;    // 0 (most urgent) to 7
};

struct Process {
    bool terminal = false;
    std::optional<ConsoleSize> console_size;
    User user;
    std::vector<std::string> args;  // never empty in a validated spec
    std::vector<std::string> env;   // "NAME=value"
    std::string cwd;                // absolute
    std::optional<Capabilities> capabilities;
    std::vector<Rlimit> rlimits;
    bool no_new_privileges = false;
    std::optional<int32_t> oom_score_adj;
    std::string apparmor_profile;
    std::string selinux_label;
    std::optional<Scheduler> scheduler;
    std::optional<IoPriority> io_priority;
};

}  // namespace krun::oci
