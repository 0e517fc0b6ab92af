// SPDX-License-Identifier: Apache-2.0
#include "vmm/kvm/system.h"

#include <cstring>

#include "vmm/kvm/flexible.h"
#include "vmm/kvm/ioctl.h"

namespace krun::vmm {
namespace {

struct Needed {
    int capability;
    char const* name;
};
constexpr Needed kNeeded[] = {
    {KVM_CAP_USER_MEMORY, "user memory"},
    {KVM_CAP_READONLY_MEM, "memory that a guest can only read"},
    {KVM_CAP_SPLIT_IRQCHIP, "in-kernel local APICs"},
    {KVM_CAP_SIGNAL_MSI, "message-signalled interrupts"},
    {KVM_CAP_IOEVENTFD, "ioeventfd"},
    {KVM_CAP_IOEVENTFD_ANY_LENGTH, "ioeventfds of any length"},
    {KVM_CAP_IMMEDIATE_EXIT, "immediate exit"},
};

}  // namespace

Result<System> System::make(UniqueFd dev_kvm) {
    auto const fd = dev_kvm.borrow();
    int const version = TRY(kvm_ioctl(fd, KVM_GET_API_VERSION, 0, "ask for the API version"));
    if (version != KVM_API_VERSION)
        return fail(
            Error(Errc::kUnsupported, "/dev/kvm: API version " + std::to_string(version) + ", expected 12"));
    for (auto const& need : kNeeded) {
        int const has = TRY(kvm_ioctl(fd, KVM_CHECK_EXTENSION, need.capability, "check a capability"));
        if (has == 0)
            return fail(
                Error(Errc::kUnsupported, std::string("/dev/kvm: this host's KVM has not got ") + need.name));
    }
    int const area = TRY(kvm_ioctl(fd, KVM_GET_VCPU_MMAP_SIZE, 0, "ask for the size of a vCPU's area"));
    if (static_cast<size_t>(area) < sizeof(kvm_run))
        return fail(Error(Errc::kUnsupported, "/dev/kvm: vCPU area too small"));
    return System(std::move(dev_kvm), static_cast<size_t>(area));
}

Result<VmFd> System::create_vm() const {
    int const fd = TRY(kvm_ioctl(fd_.borrow(), KVM_CREATE_VM, 0, "create a VM"));
    return VmFd(UniqueFd(fd), vcpu_area_bytes_);
}

Result<CpuidEntries> System::supported_cpuid() const {
    constexpr uint32_t kMaxEntries = 256;  // KVM_MAX_CPUID_ENTRIES, the kernel's own cap
    auto buffer = with_head(std::span<kvm_cpuid_entry2 const>(CpuidEntries(kMaxEntries)));
    TRY(kvm_ioctl(fd_.borrow(), kGetSupportedCpuid, buffer.data(), "ask for the CPUID it supports"));
    FlexibleHead head{};
    std::memcpy(&head, buffer.data(), sizeof head);
    if (head.count > kMaxEntries)
        return fail(Error(Errc::kInternal, "/dev/kvm: more CPUID entries than asked for"));
    CpuidEntries entries(head.count);
    std::memcpy(entries.data(), buffer.data() + sizeof head, entries.size() * sizeof(kvm_cpuid_entry2));
    return entries;
}

}  // namespace krun::vmm
