// SPDX-License-Identifier: Apache-2.0
// The guest-physical address space. Half-open ranges, bytes.
//
//   0x00000000  boot structures, then free low RAM
//   0x000f0000  MP table (in what a PC calls the BIOS area: reserved in the e820 map, but RAM)
//   0x00100000  RAM up to 3 GiB; the kernel lies where its ELF file says
//   0xd0000000  virtio-mmio window, one page a device, which the guest can only read (register_page.h)
//   0xfec00000  IOAPIC, 0xfee00000 local APICs, 0xfffbd000 KVM's own pages
//   0x100000000 the rest of the RAM
#pragma once
#include <algorithm>
#include <cstdint>
#include <vector>

#include "vmm/memory/guest_memory.h"

namespace krun::vmm::layout {

inline constexpr uint64_t kPage = 4096;

// Read once, before the guest's kernel makes its own: none of it needs to survive boot.
inline constexpr GuestAddr kGdt{0x500};
inline constexpr GuestAddr kBootParams{0x7000};
inline constexpr GuestAddr kRngSeed{0x8000};
inline constexpr GuestAddr kPageTables{0x9000};  // 6 pages: PML4, PDPT, 4 page directories
inline constexpr GuestAddr kCmdline{0x20000};
inline constexpr uint64_t kCmdlineMaxBytes = 2048;  // x86 COMMAND_LINE_SIZE, the final NUL included

inline constexpr uint64_t kLowRamEnd = 0x9fc00;  // above it PC firmware kept its data
inline constexpr GuestAddr kMpTable{0xf0000};    // MP 1.4 §4: 0xf0000-0xfffff is searched
inline constexpr uint64_t kHighRamBegin = 0x100000;

inline constexpr uint64_t kGapBegin = 0xc0000000;
inline constexpr uint64_t kGapEnd = 0x100000000;

inline constexpr GuestAddr kMmioWindow{0xd0000000};
inline constexpr uint64_t kMmioStride = kPage;
inline constexpr uint64_t kIoApic = 0xfec00000;
inline constexpr uint64_t kLocalApic = 0xfee00000;
inline constexpr uint64_t kKvmPages = 0xfffbd000;  // 3 pages of TSS, 1 of identity map, for old Intel CPUs

// IOAPIC pins: 0-4 belong to what a PC has there (timer, keyboard, cascade, serial lines).
inline constexpr uint32_t kIoApicPins = 24;
inline constexpr uint32_t kTimerPin = 0;
inline constexpr uint32_t kFirstDevicePin = 5;
inline constexpr uint32_t kMaxDevices = kIoApicPins - kFirstDevicePin;

// Where `ram_bytes` of RAM lie. REQUIRES: a multiple of the page size.
inline std::vector<GuestRange> ram_ranges(uint64_t ram_bytes) {
    uint64_t const low = std::min(ram_bytes, kGapBegin);
    std::vector<GuestRange> out{{GuestAddr{0}, low}};
    if (ram_bytes > low) out.push_back({GuestAddr{kGapEnd}, ram_bytes - low});
    return out;
}

}  // namespace krun::vmm::layout
