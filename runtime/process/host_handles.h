// SPDX-License-Identifier: Apache-2.0
// Everything of the host that a container process will use, opened by name exactly once, by the creator,
// before anything is forked or changed. What fails here fails with the user's words and leaves nothing
// behind.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/unique_fd.h"
#include "config-gen/from_oci.h"
#include "runtime/isolation/namespaces.h"
#include "runtime/process/kernel_image.h"
#include "runtime/process/vm_process.h"
#include "vmm/machine_spec.h"

namespace krun::runtime {

// The source of one bind mount, number N of GuestPlan::binds.
struct BindHandle {
    UniqueFd source;  // O_PATH, or a mount without a place if `detached`
    bool recursive = false;
    bool read_only = false;
    bool detached = false;
    bool socket = false;  // not served: the container process connects to it for the guest
    UniqueFd id_map{};    // whose files they are (id_map.h); invalid: whose they are on the disk
    bool recursive_ids = false;
};

// A mount point or device that the rootfs lacks and the boot tree shows in its place, so that nothing is ever
// made in the rootfs itself.
struct MountPoint {
    std::string path;  // canonical, from the rootfs
    bool directory = true;
    uint32_t mode = 0755;
    std::optional<guest::Device> device{};  // then it is no place for a mount, but that node
};

struct HostHandles {
    UniqueFd kvm;
    KernelImage kernel;
    UniqueFd initrd;  // or invalid
    std::vector<std::string> kernel_parameters;
    bool nested_virtualization = false;
    UniqueFd rootfs;  // O_PATH, a directory
    std::vector<BindHandle> binds;
    std::vector<MountPoint> mount_points;  // parents first
    std::vector<vmm::DiskSpec> disks;      // the root's first
    NamespacePlan namespaces;
    UniqueFd dev_null;
    UniqueFd state_dir;
    UniqueFd control_listener;
};

// `plan` is made from request.spec.
Result<HostHandles> open_host_handles(VmRequest const& request, GuestPlan const& plan);

}  // namespace krun::runtime
