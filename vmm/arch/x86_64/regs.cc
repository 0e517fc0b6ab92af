// SPDX-License-Identifier: Apache-2.0
#include <array>

#include "vmm/arch/x86_64/setup.h"
#include "vmm/memory/layout.h"

namespace krun::vmm::x86_64 {
namespace {

constexpr uint64_t kPresentWritable = 0x3;
constexpr uint64_t kLargePage = 0x80;
constexpr size_t kDirectories = 4;  // 1 GiB each
constexpr size_t kEntries = 512;

// boot.rst, "64-bit BOOT PROTOCOL": __BOOT_CS is 0x10, execute/read; __BOOT_DS is 0x18, read/write; flat.
constexpr uint16_t kCodeSelector = 0x10;
constexpr uint16_t kDataSelector = 0x18;
constexpr std::array<uint64_t, 4> kGdt = {0, 0, 0x00af9b000000ffff, 0x00cf93000000ffff};

constexpr uint64_t kCr0ProtectedMode = 1u << 0, kCr0ExtensionType = 1u << 4, kCr0NumericError = 1u << 5,
                   kCr0Paging = 1u << 31;
constexpr uint64_t kCr4Pae = 1u << 5;
constexpr uint64_t kEferLongModeEnable = 1u << 8, kEferLongModeActive = 1u << 10;
constexpr uint64_t kFlagsReserved = 1u << 1;  // always 1

GuestAddr page(size_t index) {
    return GuestAddr{raw(layout::kPageTables) + index * layout::kPage};
}

Result<void, GuestFault> write_tables(GuestMemory const& ram) {
    std::array<uint64_t, kEntries> table{};
    table[0] = raw(page(1)) | kPresentWritable;
    TRY(ram.write(page(0), table));
    table = {};
    for (size_t i = 0; i < kDirectories; ++i) table[i] = raw(page(2 + i)) | kPresentWritable;
    TRY(ram.write(page(1), table));
    for (size_t directory = 0; directory < kDirectories; ++directory) {
        for (size_t i = 0; i < kEntries; ++i)
            table[i] = ((directory * kEntries + i) << 21) | kPresentWritable | kLargePage;
        TRY(ram.write(page(2 + directory), table));
    }
    return ram.write(layout::kGdt, kGdt);
}

kvm_segment flat_segment(uint16_t selector, uint8_t type) {
    kvm_segment s{};
    s.limit = 0xffffffff;
    s.selector = selector;
    s.type = type;
    s.present = s.s = s.g = 1;
    return s;
}

}  // namespace

Result<void> write_address_space(GuestMemory const& ram) {
    if (auto const done = write_tables(ram); !done.ok())
        return fail(Error(Errc::kInternal, done.error().rule));
    return {};
}

Result<void> enter_at(VcpuFd& vcpu, GuestAddr entry) {
    auto sregs = TRY(vcpu.sregs());
    sregs.gdt.base = raw(layout::kGdt);
    sregs.gdt.limit = sizeof kGdt - 1;
    sregs.idt.base = sregs.idt.limit = 0;  // an exception before the guest has its own is a triple fault
    sregs.cs = flat_segment(kCodeSelector, 0xb);
    sregs.cs.l = 1;
    sregs.ds = sregs.es = sregs.fs = sregs.gs = sregs.ss = flat_segment(kDataSelector, 0x3);
    sregs.ss.db = 1;
    sregs.cr0 = kCr0ProtectedMode | kCr0ExtensionType | kCr0NumericError | kCr0Paging;
    sregs.cr3 = raw(layout::kPageTables);
    sregs.cr4 = kCr4Pae;
    sregs.efer = kEferLongModeEnable | kEferLongModeActive;
    TRY(vcpu.set_sregs(sregs));
    kvm_regs regs{};
    regs.rip = raw(entry);
    regs.rsi = raw(layout::kBootParams);
    regs.rflags = kFlagsReserved;
    return vcpu.set_regs(regs);
}

}  // namespace krun::vmm::x86_64
