// SPDX-License-Identifier: Apache-2.0
// From a container to a machine: the one place that knows both an OCI Spec's plan and a MachineSpec.
#pragma once
#include <memory>

#include "base/error.h"
#include "config-gen/from_oci.h"
#include "config-gen/machine_size.h"
#include "runtime/process/guest_info.h"
#include "runtime/process/host_handles.h"
#include "runtime/process/kernel_log.h"
#include "vmm/machine_spec.h"

namespace krun::runtime {

// The machine without vsock ports. Consumes the rootfs, binds, disks, kernel and KVM descriptors of `host`;
// rootfs and binds are trees of detach_tree by now. Runs in the process that will serve the files, before it
// changes its root.
Result<vmm::MachineSpec> machine_for(GuestPlan const& plan, MachineSize const& size, HostHandles& host,
                                     std::shared_ptr<KernelLog> log,
                                     std::shared_ptr<GuestInfo const> const& info);

// Warns in the log of rules that the guest broke: one line each, with the device's name, and a bounded number
// however often the guest does it.
vmm::GuestFaultSink guest_fault_log();

}  // namespace krun::runtime
