// SPDX-License-Identifier: Apache-2.0
// runtime-spec config.md#process as plain structs. Enumerations stay the strings the user wrote;
// validate.h has checked that they are known names.
#pragma once
#include <cstdint>
#include <map>
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
    std::string username;  // Windows only
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

struct Scheduler {
    std::string policy;  // "SCHED_OTHER"
    int32_t nice = 0;
    int32_t priority = 0;
    std::vector<std::string> flags;
    uint64_t runtime = 0;   // ns
    uint64_t deadline = 0;  // ns
    uint64_t period = 0;    // ns
};

struct IoPriority {
    std::string io_class;  // "IOPRIO_CLASS_BE"
    int32_t priority = 0;
};

struct ExecCpuAffinity {  // CPU lists such as "0-3,7"
    std::string initial;
    std::string final;
};

struct Process {
    bool terminal = false;
    std::optional<ConsoleSize> console_size;
    User user;
    std::vector<std::string> args;  // never empty in a validated spec
    std::string command_line;       // Windows only
    std::vector<std::string> env;   // "NAME=value"
    std::string cwd;                // absolute
    std::optional<Capabilities> capabilities;
    std::vector<Rlimit> rlimits;
    bool no_new_privileges = false;
    std::string apparmor_profile;
    std::optional<int32_t> oom_score_adj;
    std::optional<Scheduler> scheduler;
    std::string selinux_label;
    std::optional<IoPriority> io_priority;
    std::optional<ExecCpuAffinity> exec_cpu_affinity;
};

}  // namespace krun::oci
