// SPDX-License-Identifier: Apache-2.0
#include "runtime/machine_for.h"

#include <sys/stat.h>

#include <string>
#include <string_view>

#include "base/log.h"
#include "base/strings.h"
#include "config-gen/write.h"
#include "fs/null/null_fs.h"
#include "fs/overlay/overlay_fs.h"
#include "fs/passthrough/passthrough.h"
#include "fs/server.h"
#include "init/blob.h"

namespace krun::runtime {
namespace {

constexpr char const* kTag = "krun";

Result<std::unique_ptr<fs::FileSystem>> serve_tree(UniqueFd tree, fs::PassthroughOptions options,
                                                   fs::NodeIds& ids) {
    auto proc = TRY(fs::open_proc_self_fd());
    std::unique_ptr<fs::FileSystem> served =
        TRY(fs::Passthrough::make(std::move(tree), std::move(proc), options, ids));
    return served;
}

uint32_t type_of(guest::Device const& device) {
    if (device.type == "p") return S_IFIFO;
    return device.type == "b" ? S_IFBLK : S_IFCHR;
}

Result<void> add_point(fs::OverlayFs& overlay, MountPoint const& point) {
    if (point.directory) return overlay.add_dir(point.path, point.mode);
    if (!point.device) return overlay.add_file(point.path, point.mode, fs::Content::borrowed({}));
    auto const& device = *point.device;
    return overlay.add_device(point.path, point.mode, {type_of(device), device.major, device.minor},
                              {device.uid, device.gid});
}

// The bundle's rootfs, with the mount points and devices that it lacks laid over it.
Result<std::unique_ptr<fs::FileSystem>> rootfs_of(GuestPlan const& plan, HostHandles& host,
                                                  fs::NodeIds& ids) {
    fs::PassthroughOptions options;
    options.read_only = plan.config.krun.readonly;
    options.submounts = fs::Submounts::kCross;
    auto tree = TRY(serve_tree(std::move(host.rootfs), options, ids));
    auto overlay = std::make_unique<fs::OverlayFs>(std::move(tree), ids);
    for (auto const& point : host.mount_points)
        TRY_WITH(add_point(*overlay, point), "mount point " + point.path);
    return std::unique_ptr<fs::FileSystem>(std::move(overlay));
}

Result<std::unique_ptr<fs::FileSystem>> bind_of(BindHandle& bind, fs::NodeIds& ids) {
    fs::PassthroughOptions options;
    options.read_only = bind.read_only;
    options.submounts = bind.recursive ? fs::Submounts::kCross : fs::Submounts::kStay;
    return serve_tree(std::move(bind.source), options, ids);
}

// Init's own world: nothing in it comes from an image, and the payload's root is only one branch of it.
Result<std::unique_ptr<fs::FileSystem>> boot_tree(GuestPlan const& plan, HostHandles& host) {
    fs::NodeIds ids;
    auto tree = std::make_unique<fs::OverlayFs>(std::make_unique<fs::NullFs>(ids), ids);
    TRY(tree->add_file("/init.krun", 0755, fs::Content::borrowed(init::init_blob()), fs::Lifetime::kOneShot));
    TRY(tree->add_file("/.krun_config.json", 0400, fs::Content::owned(write_krun_config(plan.config)),
                       fs::Lifetime::kOneShot));
    for (auto const* path : {"/dev", "/proc", "/sys", "/run", "/binds"}) TRY(tree->add_dir(path, 0755));
    auto rootfs = TRY_WITH(rootfs_of(plan, host, ids), "rootfs");
    TRY(tree->add_graft(plan.config.krun.root, std::move(rootfs)));
    for (size_t i = 0; i < host.binds.size(); ++i) {
        std::string const where = "mounts[" + std::to_string(plan.binds[i].mount) + "]";
        auto bind = TRY_WITH(bind_of(host.binds[i], ids), where);
        TRY_WITH(tree->add_graft(bind_source_path(i), std::move(bind)), where);
    }
    return std::unique_ptr<fs::FileSystem>(std::move(tree));
}

// With --debug the guest kernel's console is part of the log as it comes.
void tell_console(std::span<std::byte const> bytes) {
    std::string_view const text(reinterpret_cast<char const*>(bytes.data()), bytes.size());
    for (auto const line : split(text, '\n'))
        if (!line.empty()) krun::log(LogLevel::kDebug, "guest: " + printable(line));
}

}  // namespace

vmm::GuestFaultSink guest_fault_log() {
    auto limit = std::make_shared<LogLimit>();
    return [limit](std::string_view device, std::string_view rule) {
        limit->log(LogLevel::kWarning,
                   "the guest broke a rule of its " + std::string(device) +
                       " device, which stops until the guest resets it: " + std::string(rule));
    };
}

Result<vmm::MachineSpec> machine_for(GuestPlan const& plan, MachineSize const& size, HostHandles& host,
                                     std::shared_ptr<KernelLog> log) {
    vmm::MachineSpec machine;
    machine.vcpus = size.vcpus;
    machine.ram_bytes = uint64_t{size.ram_mib} << 20;
    machine.kernel = std::move(host.kernel.file);
    machine.kernel_name = host.kernel.path;
    machine.kvm = std::move(host.kvm);
    machine.cmdline = "root=" + std::string(kTag) + " rootfstype=virtiofs rw init=/init.krun";
    if (is_logged(LogLevel::kDebug)) machine.cmdline += " loglevel=7";  // after the machine's own "quiet"
    machine.console.push_back({"", [log = std::move(log)](std::span<std::byte const> bytes) {
                                   log->append(bytes);
                                   if (is_logged(LogLevel::kDebug)) tell_console(bytes);
                               }});
    machine.on_guest_fault = guest_fault_log();
    auto tree = TRY(boot_tree(plan, host));
    machine.shares.push_back({kTag, std::make_shared<fs::Server>(std::move(tree))});
    return machine;
}

}  // namespace krun::runtime
