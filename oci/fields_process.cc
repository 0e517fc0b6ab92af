// SPDX-License-Identifier: Apache-2.0
// runtime-spec config.md#process
#include "oci/fields.h"

namespace krun {
namespace {

using namespace oci;

constexpr Field<ConsoleSize> kConsoleSize[] = {
    field<&ConsoleSize::height>("height", Effect::kHostAndGuest, kRequired),
    field<&ConsoleSize::width>("width", Effect::kHostAndGuest, kRequired),
};

constexpr Field<User> kUser[] = {
    field<&User::uid>("uid", Effect::kGuest),
    field<&User::gid>("gid", Effect::kGuest),
    field<&User::umask>("umask", Effect::kGuest),
    field<&User::additional_gids>("additionalGids", Effect::kGuest),
    field_without_member<User>("username", "string", Effect::kIgnored, "it is for Windows"),
};

constexpr Field<Capabilities> kCapabilities[] = {
    field<&Capabilities::bounding>("bounding", Effect::kGuest),
    field<&Capabilities::effective>("effective", Effect::kGuest),
    field<&Capabilities::inheritable>("inheritable", Effect::kGuest),
    field<&Capabilities::permitted>("permitted", Effect::kGuest),
    field<&Capabilities::ambient>("ambient", Effect::kGuest),
};

constexpr Field<Rlimit> kRlimit[] = {
    field<&Rlimit::type>("type", Effect::kGuest, kRequired),
    field<&Rlimit::soft>("soft", Effect::kGuest, kRequired),
    field<&Rlimit::hard>("hard", Effect::kGuest, kRequired),
};

constexpr Field<Scheduler> kScheduler[] = {
    field<&Scheduler::policy>("policy", Effect::kGuest, kRequired),
    field<&Scheduler::nice>("nice", Effect::kGuest),
    field<&Scheduler::priority>("priority", Effect::kGuest),
    field<&Scheduler::flags>("flags", Effect::kGuest),
    field<&Scheduler::runtime>("runtime", Effect::kGuest),
    field<&Scheduler::deadline>("deadline", Effect::kGuest),
    field<&Scheduler::period>("period", Effect::kGuest),
};

constexpr Field<IoPriority> kIoPriority[] = {
    field<&IoPriority::class_name>("class", Effect::kGuest, kRequired),
    field<&IoPriority::priority>("priority", Effect::kGuest),
};

constexpr Field<Process> kProcess[] = {
    field<&Process::terminal>("terminal", Effect::kHostAndGuest),
    field<&Process::console_size>("consoleSize", Effect::kHostAndGuest),
    field<&Process::user>("user", Effect::kGuest),
    field<&Process::args>("args", Effect::kGuest),
    field<&Process::env>("env", Effect::kGuest),
    field<&Process::cwd>("cwd", Effect::kGuest, kRequired),
    field<&Process::capabilities>("capabilities", Effect::kGuest),
    field<&Process::rlimits>("rlimits", Effect::kGuest),
    field<&Process::no_new_privileges>("noNewPrivileges", Effect::kGuest),
    field<&Process::oom_score_adj>("oomScoreAdj", Effect::kHostAndGuest),
    field<&Process::apparmor_profile>("apparmorProfile", Effect::kIgnored, kOptional,
                                      "the guest kernel has no AppArmor; the machine confines the payload"),
    field<&Process::selinux_label>("selinuxLabel", Effect::kIgnored, kOptional,
                                   "the guest kernel has no SELinux; the machine confines the payload"),
    field_without_member<Process>("execCPUAffinity", "object", Effect::kIgnored,
                                  "it names CPUs of the host, which the guest does not see"),
    field<&Process::scheduler>("scheduler", Effect::kGuest),
    field<&Process::io_priority>("ioPriority", Effect::kGuest),
    field_without_member<Process>("commandLine", "string", Effect::kIgnored, "it is for Windows"),
};

}  // namespace

constinit std::span<Field<ConsoleSize> const> const FieldsOf<ConsoleSize>::rows = kConsoleSize;
constinit std::span<Field<User> const> const FieldsOf<User>::rows = kUser;
constinit std::span<Field<Capabilities> const> const FieldsOf<Capabilities>::rows = kCapabilities;
constinit std::span<Field<Rlimit> const> const FieldsOf<Rlimit>::rows = kRlimit;
constinit std::span<Field<Scheduler> const> const FieldsOf<Scheduler>::rows = kScheduler;
constinit std::span<Field<IoPriority> const> const FieldsOf<IoPriority>::rows = kIoPriority;
constinit std::span<Field<Process> const> const FieldsOf<Process>::rows = kProcess;

}  // namespace krun
