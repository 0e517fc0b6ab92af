// SPDX-License-Identifier: Apache-2.0
// The state in which an x86-64 guest begins: what Linux's 64-bit boot protocol asks for (Linux
// Documentation/arch/x86/boot.rst, "64-bit BOOT PROTOCOL"), plus the MP table that takes ACPI's place.
// All functions write only to guest RAM below 1 MiB or to a vCPU that has not run yet.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "vmm/boot/kernel.h"
#include "vmm/kvm/system.h"
#include "vmm/kvm/vcpu_fd.h"
#include "vmm/memory/guest_memory.h"

namespace krun::vmm::x86_64 {

struct CpuIdentity {
    uint32_t index;    // also the APIC id
    uint32_t count;    // of vCPUs
    uint32_t tsc_khz;  // 0: unknown, and then the guest is told nothing about it
};
// What CPUID says on one vCPU: what KVM supports, with topology, timers and KVM's signature filled in.
CpuidEntries guest_cpuid(CpuidEntries const& supported, CpuIdentity const& cpu);

// Leaves VMX and SVM in `supported` or takes them out. kUnsupported if they are wanted and KVM has neither.
Result<void> offer_virtualization(CpuidEntries& supported, bool wanted);

// Model-specific registers that firmware would have set.
std::vector<kvm_msr_entry> boot_msrs();

// Page tables for [0, 4 GiB) one to one, and the GDT.
Result<void> write_address_space(GuestMemory const& ram);
// Long mode with that address space, executing at `entry` with boot_params in RSI.
Result<void> enter_at(VcpuFd& vcpu, GuestAddr entry);

// MP 1.4 §4: processors 0 .. vcpus - 1, one IOAPIC, and as edge-triggered ISA interrupts the timer's pin and
// those of so many devices. Linux sets up each pin that the table has, in 16 exits.
Result<void> write_mp_table(GuestMemory const& ram, uint32_t vcpus, uint32_t devices);

// boot_params with the e820 map, the command line and 32 bytes of entropy for the guest's generator; with
// `header`, what a bzImage said of itself; with `initrd`, where that lies.
// REQUIRES: cmdline shorter than layout::kCmdlineMaxBytes, without NUL.
Result<void> write_boot_params(GuestMemory const& ram, std::string const& cmdline,
                               std::optional<setup_header> const& header = {},
                               std::optional<GuestRange> const& initrd = {});

}  // namespace krun::vmm::x86_64
