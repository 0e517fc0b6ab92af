// SPDX-License-Identifier: Apache-2.0
#include "config-gen/from_oci.h"

#include <sys/personality.h>

#include <algorithm>

#include "config-gen/guest_cgroup.h"
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
    out.user = {.uid = process.user.uid,
                .gid = process.user.gid,
                .umask = process.user.umask.value_or(0022),
                .additional_gids = process.user.additional_gids,
                .name = {},
                .group_name = {}};
    out.args = process.args;
    out.env = process.env;
    out.cwd = process.cwd.empty() ? "/" : process.cwd;
    out.capabilities = capabilities_of(process);
    for (auto const& limit : process.rlimits) out.rlimits.push_back({limit.type, limit.soft, limit.hard});
    out.no_new_privileges = process.no_new_privileges;
    out.oom_score_adj = process.oom_score_adj;
    if (auto const& s = process.scheduler)
        out.scheduler = {s->policy, s->nice, s->priority, s->flags, s->runtime, s->deadline, s->period};
    if (auto const& io = process.io_priority) out.io_priority = {io->class_name, io->priority};
    return out;
}

// The guest has namespaces of its own for what the host's would isolate; `path` names a host namespace, which
// the container process joins, and means nothing here.
std::vector<std::string> namespaces_of(oci::Linux const& from) {
    std::vector<std::string> out;
    for (char const* const type : {"ipc", "uts", "cgroup", "time"})
        if (from.find_namespace(type) != nullptr) out.emplace_back(type);
    return out;
}

Result<guest::Device> device_of(oci::Device const& from, guest::Krun const& krun) {
    auto const number = [&](int64_t value) { return static_cast<uint32_t>(value); };
    if (from.type != "p" && (from.major < 0 || from.major > 0xfff || from.minor < 0 || from.minor > 0xfffff))
        return fail(Error(Errc::kInvalidConfig, "linux.devices: " + from.path + ": no such device number"));
    return guest::Device{from.path,
                         from.type,
                         from.type == "p" ? 0 : number(from.major),
                         from.type == "p" ? 0 : number(from.minor),
                         from.file_mode.value_or(0666),
                         guest::machine_id(krun.uid_mappings, from.uid.value_or(0)),
                         guest::machine_id(krun.gid_mappings, from.gid.value_or(0))};
}

std::vector<guest::IdMapping> mappings_of(std::vector<oci::IdMapping> const& from) {
    std::vector<guest::IdMapping> out;
    out.reserve(from.size());
    for (auto const& [inside, outside, size] : from) out.push_back({inside, outside, size});
    return out;
}

bool may_bind_low_ports(oci::Process const& process) {
    if (!process.capabilities) return false;
    auto const& names = process.capabilities->effective;
    return std::find(names.begin(), names.end(), "CAP_NET_BIND_SERVICE") != names.end();
}

void add_id_maps(oci::Spec const& spec, guest::Krun& out) {
    if (spec.linux.find_namespace("user") == nullptr) return;
    out.uid_mappings = mappings_of(spec.linux.uid_mappings);
    out.gid_mappings = mappings_of(spec.linux.gid_mappings);
    // The network is the machine's own, over which a capability in the namespace says nothing.
    if (may_bind_low_ports(*spec.process)) out.sysctl.emplace("net.ipv4.ip_unprivileged_port_start", "0");
}

Result<void> add_seccomp(oci::Linux const& from, guest::Krun& out) {
    if (!from.seccomp) return {};
    auto const program = TRY_WITH(compile_seccomp(*from.seccomp), "linux.seccomp");
    out.seccomp = program.bpf_base64;
    out.seccomp_flags = program.flags;
    return {};
}

uint32_t personality_of(oci::Linux const& from) {
    bool const linux32 = from.personality && from.personality->domain == "LINUX32";
    return linux32 ? uint32_t{PER_LINUX32} : 0;
}

guest::Hook hook_of(oci::Hook const& from) {
    return {from.path, from.args, from.env, static_cast<uint32_t>(from.timeout.value_or(0))};
}

Result<guest::Krun> krun_of(oci::Spec const& spec) {
    guest::Krun out;
    out.readonly = spec.root.readonly;
    out.propagation = spec.linux.rootfs_propagation;
    out.namespaces = namespaces_of(spec.linux);
    out.sysctl = spec.linux.sysctl;
    add_id_maps(spec, out);
    for (auto const& [clock, offset] : spec.linux.time_offsets)
        out.time_offsets[clock] = {offset.seconds, offset.nanoseconds};
    for (auto const& device : spec.linux.devices) out.devices.push_back(TRY(device_of(device, out)));
    out.masked_paths = spec.linux.masked_paths;
    out.readonly_paths = spec.linux.readonly_paths;
    if (spec.linux.resources) out.cgroup = guest_cgroup(*spec.linux.resources);
    out.personality = personality_of(spec.linux);
    for (auto const& hook : spec.hooks.start_container) out.start_container_hooks.push_back(hook_of(hook));
    TRY(add_seccomp(spec.linux, out));
    return out;
}

void add_disks(oci::MachineAnnotations const& annotations, guest::Krun& out) {
    for (auto const& disk : annotations.disks) out.disks.push_back(disk.name);
    if (!annotations.root_disk) return;
    auto const& [disk, type, options] = *annotations.root_disk;
    out.root_disk = guest::RootDisk{disk.name, type, options};
    // A disk that cannot be written is mounted only by who says so.
    if (disk.read_only) out.root_disk->options.emplace_back("ro");
}

// The last mount at a destination is the one that is seen.
BindSource* bind_at(std::string_view destination, oci::Spec const& spec, std::vector<BindSource>& binds) {
    BindSource* found = nullptr;
    for (auto& bind : binds) {
        std::string_view at = spec.mounts[bind.mount].destination;
        while (at.size() > 1 && at.ends_with('/')) at.remove_suffix(1);
        if (at == destination && !bind.socket) found = &bind;
    }
    return found;
}

Result<void> add_budgets(oci::MachineAnnotations const& annotations, oci::Spec const& spec, GuestPlan& out) {
    for (auto const& budget : annotations.budgets) {
        auto const where = "annotations[\"krun-oci.budget." + budget.destination + "\"]: ";
        bool const is_root = budget.destination == "/";
        if (is_root && annotations.root_disk)
            return fail(Error(Errc::kInvalidConfig, where + "the root is a disk, which has a size"));
        auto* const bind = is_root ? nullptr : bind_at(budget.destination, spec, out.binds);
        if (!is_root && bind == nullptr)
            return fail(Error(Errc::kInvalidConfig, where + "no bind mount has this destination"));
        (is_root ? out.root_budget : bind->budget) = budget;
    }
    return {};
}

}  // namespace

Result<GuestPlan> from_oci(oci::Spec const& spec) {
    if (!spec.process) return fail(Error(Errc::kInvalidConfig, "process: required field is missing"));
    GuestPlan out;
    out.config.process = process_of(*spec.process);
    out.config.hostname = spec.hostname;
    out.config.domainname = spec.domainname;
    out.config.krun = TRY(krun_of(spec));
    auto mounts = TRY(guest_mounts(spec));
    map_owner_options(mounts.mounts, out.config.krun);
    out.config.mounts = std::move(mounts.mounts);
    out.binds = std::move(mounts.binds);
    auto const annotations = TRY(oci::read_annotations(spec.annotations));
    out.files = add_virtual_files(annotations.files, out.config);
    add_disks(annotations, out.config.krun);
    TRY(add_budgets(annotations, spec, out));
    out.info = annotations.info;
    out.host_locks = annotations.host_locks;
    out.posix_acls = annotations.posix_acls;
    if (out.info) add_info_tree(out.config);
    return out;
}

Result<ExecConfig> exec_from_oci(oci::Spec const& spec, oci::Process const& process) {
    guest::Krun shared;
    TRY(add_seccomp(spec.linux, shared));
    return ExecConfig{.process = process_of(process),
                      .cgroup = {},
                      .seccomp = std::move(shared.seccomp),
                      .seccomp_flags = shared.seccomp_flags,
                      .personality = personality_of(spec.linux)};
}

}  // namespace krun
