// SPDX-License-Identifier: Apache-2.0
#include "oci/default_spec.h"

#include "oci/features.h"
#include "oci/fields.h"

namespace krun::oci {
namespace {

constexpr uint64_t kOpenFiles = 1024;

Process default_process() {
    std::vector<std::string> const kept = {"CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE"};
    Process process;
    process.terminal = true;
    process.args = {"sh"};
    process.env = {"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "TERM=xterm"};
    process.cwd = "/";
    process.capabilities.emplace();
    process.capabilities->bounding = kept;
    process.capabilities->effective = kept;
    process.capabilities->permitted = kept;
    process.rlimits = {{"RLIMIT_NOFILE", kOpenFiles, kOpenFiles}};
    process.no_new_privileges = true;
    return process;
}

std::vector<Mount> default_mounts() {
    return {
        {"/proc", "proc", "proc", {}},
        {"/dev", "tmpfs", "tmpfs", {"nosuid", "strictatime", "mode=755", "size=65536k"}},
        {"/dev/pts",
         "devpts",
         "devpts",
         {"nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"}},
        {"/dev/shm", "tmpfs", "shm", {"nosuid", "noexec", "nodev", "mode=1777", "size=65536k"}},
        {"/dev/mqueue", "mqueue", "mqueue", {"nosuid", "noexec", "nodev"}},
        {"/sys", "sysfs", "sysfs", {"nosuid", "noexec", "nodev", "ro"}},
        {"/sys/fs/cgroup", "cgroup", "cgroup", {"nosuid", "noexec", "nodev", "relatime", "ro"}},
    };
}

Linux default_linux() {
    Linux linux;
    for (char const* const type : {"pid", "network", "ipc", "uts", "mount", "cgroup"})
        linux.namespaces.push_back({type, ""});
    linux.masked_paths = {"/proc/acpi",       "/proc/kcore",
                          "/proc/keys",       "/proc/latency_stats",
                          "/proc/scsi",       "/proc/sched_debug",
                          "/proc/timer_list", "/proc/timer_stats",
                          "/sys/firmware",    "/sys/devices/virtual/powercap"};
    linux.readonly_paths = {"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"};
    return linux;
}

}  // namespace

Spec default_spec() {
    Spec spec;
    spec.oci_version = kOciVersionMax;
    spec.process = default_process();
    spec.root = {.path = "rootfs", .readonly = true};
    spec.hostname = "krun-oci";
    spec.mounts = default_mounts();
    spec.linux = default_linux();
    return spec;
}

Spec rootless_spec(uint32_t uid, uint32_t gid) {
    Spec spec = default_spec();
    std::erase_if(spec.linux.namespaces, [](Namespace const& ns) { return ns.type == "network"; });
    spec.linux.namespaces.push_back({"user", ""});
    spec.linux.uid_mappings = {{0, uid, 1}};
    spec.linux.gid_mappings = {{0, gid, 1}};
    for (auto& mount : spec.mounts)  // of the one group, devpts' usual one is not a part
        std::erase_if(mount.options, [](std::string const& option) { return option.starts_with("gid="); });
    return spec;
}

std::string write_spec(Spec const& spec) {
    JsonWriter writer(JsonWriter::Style::kIndented);
    write_value(writer, spec);
    return std::move(writer).take();
}

}  // namespace krun::oci
