// SPDX-License-Identifier: Apache-2.0
// /dev/kvm: what this host's KVM can do, and the birth of VMs (kvm api §4.1-4.6).
#pragma once
#include <linux/kvm.h>

#include <vector>

#include "base/error.h"
#include "base/unique_fd.h"
#include "vmm/kvm/vm_fd.h"

namespace krun::vmm {

using CpuidEntries = std::vector<kvm_cpuid_entry2>;

class System {
public:
    // Takes an open /dev/kvm. Fails if it is something else or lacks what a machine needs, saying what.
    static Result<System> make(UniqueFd dev_kvm);

    Result<VmFd> create_vm() const;
    // What KVM and this CPU can give a guest (kvm api §4.46). Costs about 50 µs: ask once a machine.
    Result<CpuidEntries> supported_cpuid() const;

private:
    System(UniqueFd fd, size_t vcpu_area_bytes) : fd_(std::move(fd)), vcpu_area_bytes_(vcpu_area_bytes) {}
    UniqueFd fd_;
    size_t vcpu_area_bytes_;  // what a vCPU shares with us
};

}  // namespace krun::vmm
