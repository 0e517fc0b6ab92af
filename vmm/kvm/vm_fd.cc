// SPDX-License-Identifier: Apache-2.0
#include "vmm/kvm/vm_fd.h"

#include <linux/kvm.h>

#include "vmm/kvm/ioctl.h"
#include "vmm/memory/layout.h"

namespace krun::vmm {

Result<void> VmFd::map(GuestAddr at, std::span<std::byte> pages, uint32_t flags, char const* what) {
    kvm_userspace_memory_region const region{.slot = slots_++,
                                             .flags = flags,
                                             .guest_phys_addr = raw(at),
                                             .memory_size = pages.size(),
                                             .userspace_addr = reinterpret_cast<uint64_t>(pages.data())};
    TRY(kvm_ioctl(fd_.borrow(), KVM_SET_USER_MEMORY_REGION, &region, what));
    return {};
}

Result<void> VmFd::map_read_only(GuestAddr at, std::span<std::byte> pages) {
    return map(at, pages, KVM_MEM_READONLY, "give the VM its devices' registers");
}

Result<void> VmFd::map_memory(GuestMemory const& ram) {
    for (auto const& region : ram.regions())
        TRY(map(region.base, region.host.bytes(), 0, "give the VM its RAM"));
    // Intel CPUs that cannot run real mode natively need pages of ours to pretend (kvm api §4.40, §4.41).
    uint64_t const identity_map = layout::kKvmPages - layout::kPage;
    TRY(kvm_ioctl(fd_.borrow(), KVM_SET_IDENTITY_MAP_ADDR, &identity_map, "set the identity map's address"));
    TRY(kvm_ioctl(fd_.borrow(), KVM_SET_TSS_ADDR, layout::kKvmPages, "set the TSS address"));
    return {};
}

Result<void> VmFd::create_local_apics() {
    kvm_enable_cap split{};
    split.cap = KVM_CAP_SPLIT_IRQCHIP;
    TRY(kvm_ioctl(fd_.borrow(), KVM_ENABLE_CAP, &split, "create the local interrupt controllers"));
    return {};
}

void VmFd::send_message(uint64_t address, uint32_t data) const {
    kvm_msi message{};
    message.address_lo = static_cast<uint32_t>(address);
    message.address_hi = static_cast<uint32_t>(address >> 32);
    message.data = data;
    ignore(kvm_ioctl(fd_.borrow(), KVM_SIGNAL_MSI, &message, "send an interrupt"),
           "a guest that has programmed nonsense gets nothing");
}

Result<VcpuFd> VmFd::create_vcpu(uint32_t index) {
    UniqueFd fd(TRY(kvm_ioctl(fd_.borrow(), KVM_CREATE_VCPU, index, "create a vCPU")));
    return VcpuFd::make(std::move(fd), vcpu_area_bytes_);
}

Result<void> VmFd::attach_doorbell(BorrowedFd event, GuestAddr at, std::optional<uint32_t> value) {
    kvm_ioeventfd doorbell{};
    doorbell.addr = raw(at);
    doorbell.len = value ? sizeof *value : 0;  // 0: any width
    doorbell.datamatch = value.value_or(0);
    doorbell.flags = value ? KVM_IOEVENTFD_FLAG_DATAMATCH : 0;
    doorbell.fd = event.raw();
    TRY(kvm_ioctl(fd_.borrow(), KVM_IOEVENTFD, &doorbell, "attach a doorbell"));
    return {};
}

}  // namespace krun::vmm
