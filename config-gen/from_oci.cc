// SPDX-License-Identifier: Apache-2.0
#include "config-gen/from_oci.h"

#include <sys/personality.h>

#include <algorithm>

#include "config-gen/seccomp.h"

namespace krun {
namespace {

// A terminal's size is two bytes each way (ioctl_tty(2)).
uint16_t terminal_cells(uint32_t value) {
    return static_cast<uint16_t>(std::min<uint32_t>(value, UINT16_MAX));
}

guest::Capabilities capabilities_of(oci::Process const& process) {
    if (!process.capabilities) return {};  // none at all, as runc
    auto const& c = *process.capabilities;
    return {c.bounding, c.effective, c.inheritable, c.permitted, c.ambient};
}

guest::Process process_of(oci::Process const& process) {
    guest::Process out;
    out.terminal = process.terminal;
    if (process.terminal && process.console_size)
        out.console_size = guest::ConsoleSize{terminal_cells(process.console_size->height),
                                              terminal_cells(process.console_size->width)};
    out.user = {process.user.uid, process.user.gid, process.user.umask.value_or(0022),
                process.user.additional_gids};
    out.args = process.args;
    out.env = process.env;
    out.cwd = process.cwd.empty() ? "/" : process.cwd;
    out.capabilities = capabilities_of(process);
    for (auto const& limit : process.rlimits) out.rlimits.push_back({limit.type, limit.soft, limit.hard});
    out.no_new_privileges = process.no_new_privileges;
    out.oom_score_adj = process.oom_score_adj;
    return out;
}

// The guest has namespaces of its own for what the host's would isolate; `path` names a host namespace, which
// the container process joins, and means nothing here.
std::vector<std::string> namespaces_of(oci::Linux const& from) {
    std::vector<std::string> out;
    for (char const* const type : {"ipc", "uts", "cgroup"})
        if (from.find_namespace(type) != nullptr) out.emplace_back(type);
    return out;
}

Result<guest::Device> device_of(oci::Device const& from) {
    auto const number = [&](int64_t value) { return static_cast<uint32_t>(value); };
    if (from.type != "p" && (from.major < 0 || from.major > 0xfff || from.minor < 0 || from.minor > 0xfffff))
        return fail(Error(Errc::kInvalidConfig, "linux.devices: " + from.path + ": no such device number"));
    return guest::Device{from.path,
                         from.type,
                         from.type == "p" ? 0 : number(from.major),
                         from.type == "p" ? 0 : number(from.minor),
                         from.file_mode.value_or(0666),
                         from.uid.value_or(0),
                         from.gid.value_or(0)};
}

// Limits that programs read in their own cgroup to size themselves; the host's cgroup enforces memory and
// cpu, the guest's enforces pids, for a limit on the host would count the virtual machine's threads.
std::map<std::string, std::string> cgroup_of(oci::Linux const& from) {
    std::map<std::string, std::string> out;
    if (!from.resources) return out;
    auto const& limits = *from.resources;
    if (limits.pids && limits.pids->limit > 0) out["pids.max"] = std::to_string(limits.pids->limit);
    if (limits.memory && limits.memory->limit.value_or(0) > 0)
        out["memory.max"] = std::to_string(*limits.memory->limit);
    if (limits.cpu && limits.cpu->quota.value_or(0) > 0)
        out["cpu.max"] =
            std::to_string(*limits.cpu->quota) + " " + std::to_string(limits.cpu->period.value_or(100000));
    return out;
}

Result<void> add_seccomp(oci::Linux const& from, guest::Krun& out) {
    if (!from.seccomp) return {};
    auto const program = TRY_WITH(compile_seccomp(*from.seccomp), "linux.seccomp");
    out.seccomp = program.bpf_base64;
    out.seccomp_flags = program.flags;
    return {};
}

Result<guest::Krun> krun_of(oci::Spec const& spec) {
    guest::Krun out;
    out.readonly = spec.root.readonly;
    out.propagation = spec.linux.rootfs_propagation;
    out.namespaces = namespaces_of(spec.linux);
    for (auto const& device : spec.linux.devices) out.devices.push_back(TRY(device_of(device)));
    out.masked_paths = spec.linux.masked_paths;
    out.readonly_paths = spec.linux.readonly_paths;
    out.sysctl = spec.linux.sysctl;
    out.cgroup = cgroup_of(spec.linux);
    if (spec.linux.personality && spec.linux.personality->domain == "LINUX32") out.personality = PER_LINUX32;
    TRY(add_seccomp(spec.linux, out));
    return out;
}

}  // namespace

Result<GuestPlan> from_oci(oci::Spec const& spec) {
    if (!spec.process) return fail(Error(Errc::kInvalidConfig, "process: required field is missing"));
    GuestPlan out;
    out.config.process = process_of(*spec.process);
    out.config.hostname = spec.hostname;
    out.config.domainname = spec.domainname;
    auto mounts = TRY(guest_mounts(spec.mounts));
    out.config.mounts = std::move(mounts.mounts);
    out.binds = std::move(mounts.binds);
    out.config.krun = TRY(krun_of(spec));
    return out;
}

}  // namespace krun
