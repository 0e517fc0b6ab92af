// SPDX-License-Identifier: Apache-2.0
// Typed ioctls of one VM. The order of calls decides how long a VM takes to make and to destroy: memory
// first, then local APICs, vCPUs, and ioeventfds last (each ioeventfd delays every later memory change by an
// SRCU grace period, about 8 ms).
#pragma once
#include <optional>
#include <span>

#include "base/error.h"
#include "base/unique_fd.h"
#include "vmm/kvm/vcpu_fd.h"
#include "vmm/memory/guest_memory.h"

namespace krun::vmm {

class VmFd {
public:
    VmFd(UniqueFd fd, size_t vcpu_area_bytes) : fd_(std::move(fd)), vcpu_area_bytes_(vcpu_area_bytes) {}

    BorrowedFd fd() const { return fd_.borrow(); }
    // One memory slot a region. `ram` outlives the VM.
    Result<void> map_memory(GuestMemory const& ram);
    // Memory that the guest reads and cannot write: a write leaves it, or is a doorbell's (kvm api §4.35).
    // Whole pages, which outlive the VM.
    Result<void> map_read_only(GuestAddr at, std::span<std::byte> pages);
    // Local APICs in the kernel, and nothing else: no PIC, IOAPIC or PIT (kvm api §7.5,
    // KVM_CAP_SPLIT_IRQCHIP). Before vCPUs.
    Result<void> create_local_apics();
    Result<VcpuFd> create_vcpu(uint32_t index);
    // Delivers an interrupt to local APICs (kvm api §4.70, KVM_SIGNAL_MSI). Any thread that may call ioctl
    // for it.
    void send_message(uint64_t address, uint32_t data) const;
    // A guest write of any width to `at` adds 1 to `event` and does not leave the kernel (kvm api §4.59).
    // Without a width KVM need not decode the instruction. With `value` only writes of that 32-bit value do.
    Result<void> attach_doorbell(BorrowedFd event, GuestAddr at,
                                 std::optional<uint32_t> value = std::nullopt);

private:
    Result<void> map(GuestAddr at, std::span<std::byte> pages, uint32_t flags, char const* what);

    UniqueFd fd_;
    size_t vcpu_area_bytes_;
    uint32_t slots_ = 0;
};

}  // namespace krun::vmm
