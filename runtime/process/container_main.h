// SPDX-License-Identifier: Apache-2.0
// The container process from the fork to its end: takes its place on the host, gives up what it no longer
// needs, and becomes the machine. The order of the steps is the security argument; see the source.
#pragma once
#include "config-gen/from_oci.h"
#include "config-gen/machine_size.h"
#include "runtime/process/host_handles.h"
#include "runtime/process/vm_process.h"

namespace krun::runtime {

struct ContainerTask {
    VmRequest request;
    GuestPlan plan;  // of request.spec
    MachineSize size;
    HostHandles host;
    bool has_cgroup;  // of its own, with the limits of request.spec
    UniqueFd report;  // where the creator waits for a creation_report.h
};

// Runs after the fork, in the child's only thread. The exit status is the container's.
[[noreturn]] void container_main(ContainerTask task);

}  // namespace krun::runtime
