// SPDX-License-Identifier: Apache-2.0
// CPUID as the guest sees it. The aim beside correctness: Linux finds frequencies, a deadline timer that
// never stops and its topology here, so that it calibrates nothing and asks for no PIT (Linux
// apic_needs_pit()).
#include <algorithm>
#include <bit>

#include "vmm/arch/x86_64/setup.h"

namespace krun::vmm::x86_64 {
namespace {

constexpr uint32_t bit(unsigned n) {
    return uint32_t{1} << n;
}

// KVM's local APIC timer counts nanoseconds (kvm api: KVM_CAP_X86_APIC_BUS_CYCLES_NS defaults to 1).
constexpr uint32_t kApicKhz = 1'000'000;
constexpr uint32_t kKvmLeaf = 0x40000000;  // Linux Documentation/virt/kvm/x86/cpuid.rst
constexpr uint32_t kVmx = bit(5);          // leaf 1, ECX
constexpr uint32_t kSvm = bit(2);          // leaf 0x80000001, ECX
constexpr uint32_t kSvmLeaf = 0x8000000a;
constexpr uint32_t kFrequencyLeaf = 0x40000010;  // EAX: TSC, EBX: local APIC, both in kHz

// Bits that an APIC id takes.
uint32_t id_bits(uint32_t count) {
    return static_cast<uint32_t>(std::bit_width(count - 1));
}

void remove_leaf(CpuidEntries& entries, uint32_t leaf) {
    std::erase_if(entries, [leaf](auto const& e) { return e.function == leaf; });
}

// Leaf 1: identity and feature flags.
void patch_features(kvm_cpuid_entry2& e, CpuIdentity const& cpu) {
    e.ebx = (e.ebx & 0x0000ffff) | std::bit_ceil(cpu.count) << 16 | cpu.index << 24;
    e.ecx |= bit(21) | bit(31);  // x2APIC; "running under a hypervisor"
    e.ecx |= bit(24);            // TSC deadline timer: KVM has it wherever it has a local APIC
    e.edx = cpu.count > 1 ? e.edx | bit(28) : e.edx & ~bit(28);
}

// Leaf 4: one thread a core; the last level is shared by all.
void patch_caches(kvm_cpuid_entry2& e, CpuIdentity const& cpu) {
    if ((e.eax & 0x1f) == 0) return;  // no more caches
    uint32_t const level = (e.eax >> 5) & 7;
    uint32_t const sharing = level >= 3 ? std::bit_ceil(cpu.count) - 1 : 0;
    e.eax = (e.eax & 0x3fff) | sharing << 14 | std::min(std::bit_ceil(cpu.count) - 1, 63u) << 26;
}

// Leaf 0xB: level 0 threads of a core, level 1 cores of the package.
void add_topology(CpuidEntries& entries, CpuIdentity const& cpu) {
    remove_leaf(entries, 0xb);
    remove_leaf(entries, 0x1f);  // says the same with more levels; without it the guest uses 0xB
    constexpr uint32_t kThreads = 1, kCores = 2;
    kvm_cpuid_entry2 e{};
    e.function = 0xb;
    e.flags = KVM_CPUID_FLAG_SIGNIFCANT_INDEX;
    e.edx = cpu.index;
    e.ebx = 1;
    e.ecx = kThreads << 8;
    entries.push_back(e);
    e.index = 1;
    e.eax = id_bits(cpu.count);
    e.ebx = cpu.count;
    e.ecx = 1 | kCores << 8;
    entries.push_back(e);
    e.index = 2;
    e.eax = e.ebx = 0;
    e.ecx = 2;
    entries.push_back(e);
}

// Leaf 0x15 is a ratio to a crystal that Linux also takes for the APIC timer's: 1 GHz. Linux multiplies the
// crystal's kHz with the numerator in 32 bits, which bounds it; within that, the nearest fraction.
kvm_cpuid_entry2 tsc_ratio(uint32_t tsc_khz) {
    constexpr uint64_t kMaxNumerator = UINT32_MAX / kApicKhz;
    uint64_t best_numerator = 1, best_denominator = 1, best_error = UINT64_MAX;
    for (uint64_t d = 1; d <= 4000; ++d) {
        uint64_t const n = (uint64_t{tsc_khz} * d + kApicKhz / 2) / kApicKhz;
        if (n > kMaxNumerator) break;
        uint64_t const khz = n * kApicKhz / d;
        uint64_t const error = khz > tsc_khz ? khz - tsc_khz : tsc_khz - khz;
        if (n == 0 || error >= best_error) continue;
        best_numerator = n;
        best_denominator = d;
        best_error = error;
    }
    kvm_cpuid_entry2 e{};
    e.function = 0x15;
    e.eax = static_cast<uint32_t>(best_denominator);
    e.ebx = static_cast<uint32_t>(best_numerator);
    e.ecx = kApicKhz * 1000;
    return e;
}

void add_frequencies(CpuidEntries& entries, uint32_t tsc_khz) {
    remove_leaf(entries, 0x15);
    remove_leaf(entries, 0x16);
    remove_leaf(entries, kFrequencyLeaf);
    if (tsc_khz == 0) return;
    entries.push_back(tsc_ratio(tsc_khz));
    kvm_cpuid_entry2 mhz{};
    mhz.function = 0x16;
    mhz.eax = mhz.ebx = tsc_khz / 1000;  // base and maximum
    mhz.ecx = 100;                       // bus
    entries.push_back(mhz);
    kvm_cpuid_entry2 khz{};
    khz.function = kFrequencyLeaf;
    khz.eax = tsc_khz;
    khz.ebx = kApicKhz;
    entries.push_back(khz);
}

void patch(kvm_cpuid_entry2& e, CpuIdentity const& cpu) {
    switch (e.function) {
        case 1:
            return patch_features(e, cpu);
        case 4:
            return patch_caches(e, cpu);
        case 6:
            e.eax = bit(2);  // ARAT: the APIC timer runs in every sleep state. No other thermal feature.
            e.ebx = e.ecx = e.edx = 0;
            return;
        case 0xa:
            e.eax = e.ebx = e.ecx = e.edx = 0;  // no performance counters: nobody virtualises them here
            return;
        case kKvmLeaf:
            e.eax = kFrequencyLeaf;  // the highest leaf; the signature in the others is KVM's own
            return;
        case 0x80000008:  // AMD: how many cores, and how wide an id is
            e.ecx = (e.ecx & ~0xf0ffu) | id_bits(cpu.count) << 12 | (cpu.count - 1);
            return;
        case 0x8000001e:  // AMD: extended APIC id, core id with one thread, node 0 of 1
            e.eax = cpu.index;
            e.ebx = cpu.index;
            e.ecx = 0;
            return;
        default:
            return;
    }
}

}  // namespace

// Without it a guest cannot reach the host's code for virtual machines inside virtual machines.
Result<void> offer_virtualization(CpuidEntries& supported, bool wanted) {
    bool found = false;
    for (auto& e : supported) {
        uint32_t const flag = e.function == 1 ? kVmx : e.function == 0x80000001 ? kSvm : 0;
        found |= (e.ecx & flag) != 0;
        if (!wanted) e.ecx &= ~flag;
    }
    if (!wanted) remove_leaf(supported, kSvmLeaf);
    if (wanted && !found)
        return fail(Error(Errc::kUnsupported,
                          "this host's KVM offers no nested virtualization (parameter `nested` of its module "
                          "kvm_intel or kvm_amd)"));
    return {};
}

CpuidEntries guest_cpuid(CpuidEntries const& supported, CpuIdentity const& cpu) {
    CpuidEntries entries = supported;
    for (auto& e : entries) patch(e, cpu);
    // Leaf 0xB answers only if leaf 0 says there are that many leaves; 0x16 likewise on Intel.
    for (auto& e : entries)
        if (e.function == 0) e.eax = std::max(e.eax, 0x16u);
    add_topology(entries, cpu);
    add_frequencies(entries, cpu.tsc_khz);
    return entries;
}

}  // namespace krun::vmm::x86_64
