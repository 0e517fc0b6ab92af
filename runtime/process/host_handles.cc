// SPDX-License-Identifier: Apache-2.0
#include "runtime/process/host_handles.h"

#include <fcntl.h>

#include "base/fd.h"
#include "base/strings.h"
#include "oci/annotations.h"
#include "runtime/control/control_server.h"
#include "runtime/host/kvm_device.h"
#include "runtime/isolation/id_map.h"
#include "runtime/isolation/overlay_mount.h"
#include "runtime/process/mount_points.h"
#include "vmm/disk/open_disk.h"

namespace krun::runtime {
namespace {

std::string in_bundle(VmRequest const& request, std::string const& path) {
    return path.starts_with('/') ? path : request.bundle + "/" + path;
}

Result<UniqueFd> open_rootfs(VmRequest const& request) {
    auto const path = in_bundle(request, request.spec.root.path);
    UniqueFd fd(::open(path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (!fd.valid()) return fail(Error::sys("root.path: open " + quoted(path)));
    return fd;
}

Result<BindHandle> open_bind(VmRequest const& request, BindSource const& bind) {
    std::string const where = "mounts[" + std::to_string(bind.mount) + "]";
    if (!bind.overlay.empty()) {
        auto overlay = TRY_WITH(mount_overlay(bind.overlay), where);
        return BindHandle{std::move(overlay), false, bind.readonly, true};
    }
    auto const path = in_bundle(request, bind.path);
    UniqueFd fd(::open(path.c_str(), O_PATH | O_CLOEXEC));
    if (!fd.valid()) return fail(Error::sys(where + ".source: open " + quoted(path)));
    BindHandle out{std::move(fd), bind.recursive, bind.readonly, false, bind.socket};
    if (bind.uid_mappings.empty()) return out;
    out.id_map = TRY_WITH(make_id_map(bind.uid_mappings, bind.gid_mappings), where);
    out.recursive_ids = bind.recursive_ids;
    return out;
}

// What the user says of the kernel: by annotation, else as runtime-spec config-vm.md#kernel. Parameters are
// those of both.
Result<void> open_kernel_parts(oci::Spec const& spec, HostHandles& host) {
    auto const wanted = TRY(oci::read_annotations(spec.annotations));
    auto const named = spec.vm && spec.vm->kernel ? *spec.vm->kernel : oci::VmKernel{};
    host.kernel = TRY(open_kernel(wanted.kernel.empty() ? named.path : wanted.kernel));
    auto const& initrd = wanted.initrd.empty() ? named.initrd : wanted.initrd;
    if (!initrd.empty()) host.initrd = TRY_WITH(open_path(initrd, O_RDONLY | O_NOCTTY), "initrd " + initrd);
    host.kernel_parameters = named.parameters;
    host.kernel_parameters.insert(host.kernel_parameters.end(), wanted.kernel_parameters.begin(),
                                  wanted.kernel_parameters.end());
    host.nested_virtualization = wanted.nested_virtualization;
    return {};
}

Result<vmm::DiskSpec> open_disk(VmRequest const& request, oci::DiskAnnotation const& disk) {
    auto const format = disk.qcow2 ? vmm::DiskFormat::kQcow2 : vmm::DiskFormat::kRaw;
    auto opened = TRY(vmm::open_disk({in_bundle(request, disk.path), format, disk.read_only}));
    return vmm::DiskSpec{disk.name, std::move(opened)};
}

Result<std::vector<vmm::DiskSpec>> open_disks(VmRequest const& request) {
    auto const annotations = TRY(oci::read_annotations(request.spec.annotations));
    std::vector<vmm::DiskSpec> out;
    if (annotations.root_disk) out.push_back(TRY(open_disk(request, annotations.root_disk->disk)));
    for (auto const& disk : annotations.disks) out.push_back(TRY(open_disk(request, disk)));
    return out;
}

}  // namespace

Result<HostHandles> open_host_handles(VmRequest const& request, GuestPlan const& plan) {
    HostHandles host;
    host.rootfs = TRY(open_rootfs(request));
    for (auto const& bind : plan.binds) host.binds.push_back(TRY(open_bind(request, bind)));
    host.disks = TRY(open_disks(request));
    // In a root on a disk the guest makes them.
    if (!plan.config.krun.root_disk)
        host.mount_points = missing_mount_points(host.rootfs.borrow(), plan.config.mounts, host.binds,
                                                 needed_directories(plan.config), plan.config.krun.devices);
    host.namespaces = TRY(plan_namespaces(request.spec));
    TRY(open_kernel_parts(request.spec, host));
    host.kvm = TRY(open_kvm());
    host.dev_null = TRY(open_path("/dev/null", O_RDWR));
    host.state_dir = TRY(duplicate(request.state_dir));
    host.control_listener = TRY(bind_control_socket(request.state_dir));
    return host;
}

}  // namespace krun::runtime
