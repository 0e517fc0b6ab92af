// SPDX-License-Identifier: Apache-2.0
#include "runtime/process/boot_tree.h"

#include <sys/stat.h>

#include <string>

#include "config-gen/write.h"
#include "fs/null/null_fs.h"
#include "fs/overlay/overlay_fs.h"
#include "fs/passthrough/passthrough.h"
#include "init/blob.h"

namespace krun::runtime {
namespace {

Result<std::unique_ptr<fs::FileSystem>> serve_tree(UniqueFd tree, fs::PassthroughOptions options,
                                                   fs::NodeIds& ids) {
    auto proc = TRY(fs::open_proc_self_fd());
    std::unique_ptr<fs::FileSystem> served =
        TRY(fs::Passthrough::make(std::move(tree), std::move(proc), options, ids));
    return served;
}

std::optional<fs::BudgetLimits> limits_of(std::optional<oci::BudgetAnnotation> const& budget) {
    if (!budget) return std::nullopt;
    return fs::BudgetLimits{budget->bytes.value_or(UINT64_MAX), budget->files.value_or(fs::kMaxBudgetFiles)};
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
    options.host_locks = plan.host_locks;
    options.posix_acls = plan.posix_acls;
    // Engines copy files into it (podman cp) and out of it.
    options.sharing = fs::Sharing::kVisited;
    options.submounts = fs::Submounts::kCross;
    options.budget = limits_of(plan.root_budget);
    auto tree = TRY(serve_tree(std::move(host.rootfs), options, ids));
    auto overlay = std::make_unique<fs::OverlayFs>(std::move(tree), ids);
    for (auto const& point : host.mount_points)
        TRY_WITH(add_point(*overlay, point), "mount point " + point.path);
    return std::unique_ptr<fs::FileSystem>(std::move(overlay));
}

// Where the root is on a disk, a place to mount it.
Result<void> add_rootfs(fs::OverlayFs& tree, GuestPlan const& plan, HostHandles& host, fs::NodeIds& ids) {
    auto const& krun = plan.config.krun;
    if (krun.root_disk) return tree.add_dir(krun.root, 0755);
    auto rootfs = TRY(rootfs_of(plan, host, ids));
    return tree.add_graft(krun.root, std::move(rootfs), fs::Joint::kSeamless);
}

Result<std::unique_ptr<fs::FileSystem>> bind_of(BindHandle& bind, BindSource const& source, bool host_locks,
                                                fs::NodeIds& ids) {
    fs::PassthroughOptions options;
    options.host_locks = host_locks;
    options.posix_acls = false;  // a submount has none in any case
    options.budget = limits_of(source.budget);
    options.read_only = bind.read_only;
    options.submounts = bind.recursive ? fs::Submounts::kCross : fs::Submounts::kStay;
    return serve_tree(std::move(bind.source), options, ids);
}

Result<void> add_files(fs::OverlayFs& tree, std::vector<VirtualFile> const& files) {
    for (auto const& file : files) {
        auto const lifetime = file.once ? fs::Lifetime::kOneShot : fs::Lifetime::kPersistent;
        TRY(tree.add_file(file.boot_path, file.mode, fs::Content::owned(file.content), lifetime,
                          {file.uid, file.gid}));
    }
    return {};
}

Result<void> add_info(fs::OverlayFs& tree, std::shared_ptr<GuestInfo const> const& info) {
    auto const limits = [info]() -> fs::FsResult<fs::Content> { return fs::Content::owned(info->limits()); };
    std::string const top = kInfoTree;
    TRY(tree.add_dir(top, 0555));
    TRY(tree.add_file(top + "/annotations.json", 0444, fs::Content::owned(info->annotations())));
    TRY(tree.add_file(top + "/features.json", 0444, fs::Content::owned(GuestInfo::features())));
    return tree.add_generated_file(top + "/limits.json", 0444, limits);
}

}  // namespace

Result<std::unique_ptr<fs::FileSystem>> make_boot_tree(GuestPlan const& plan, HostHandles& host,
                                                       std::shared_ptr<GuestInfo const> const& info) {
    fs::NodeIds ids;
    auto tree = std::make_unique<fs::OverlayFs>(std::make_unique<fs::NullFs>(ids), ids);
    TRY(tree->add_file("/init.krun", 0755, fs::Content::borrowed(init::init_blob()), fs::Lifetime::kOneShot));
    TRY(tree->add_file("/.krun_config.json", 0400, fs::Content::owned(write_krun_config(plan.config)),
                       fs::Lifetime::kOneShot));
    for (auto const* path : {"/dev", "/proc", "/sys", "/run", "/binds", "/files"})
        TRY(tree->add_dir(path, 0755));
    TRY(add_files(*tree, plan.files));
    if (info) TRY(add_info(*tree, info));
    TRY_WITH(add_rootfs(*tree, plan, host, ids), "rootfs");
    for (size_t i = 0; i < host.binds.size(); ++i) {
        if (host.binds[i].socket) continue;
        std::string const where = "mounts[" + std::to_string(plan.binds[i].mount) + "]";
        auto bind = TRY_WITH(bind_of(host.binds[i], plan.binds[i], plan.host_locks, ids), where);
        TRY_WITH(tree->add_graft(bind_source_path(i), std::move(bind)), where);
    }
    return std::unique_ptr<fs::FileSystem>(std::move(tree));
}

}  // namespace krun::runtime
