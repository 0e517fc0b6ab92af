// SPDX-License-Identifier: Apache-2.0
#include "vmm/kvm/speed.h"

#include <array>
#include <chrono>

#include "vmm/kvm/system.h"
#include "vmm/kvm/vcpu_fd.h"
#include "vmm/kvm/vm_fd.h"
#include "vmm/memory/guest_memory.h"

namespace krun::vmm {
namespace {

constexpr uint64_t kRamBytes = 0x10000;
constexpr uint64_t kCodeAt = 0x1000;
constexpr uint32_t kRounds = 100'000;
constexpr uint32_t kInstructionsARound = 2;

// mov ecx, kRounds; 1: dec ecx; jnz 1b; hlt
constexpr std::array<uint8_t, 11> kCode = {
    0x66, 0xB9, kRounds & 0xFF, kRounds >> 8 & 0xFF, kRounds >> 16 & 0xFF, kRounds >> 24, 0x66, 0x49, 0x75,
    0xFC, 0xF4};

// A vCPU is born in real mode, at the reset vector.
Result<void> point_at_code(VcpuFd& vcpu) {
    auto segments = TRY(vcpu.sregs());
    segments.cs.base = 0;
    segments.cs.selector = 0;
    TRY(vcpu.set_sregs(segments));
    kvm_regs registers{};
    registers.rip = kCodeAt;
    registers.rflags = 2;  // the bit that is always set
    return vcpu.set_regs(registers);
}

}  // namespace

Result<double> measure_guest_speed(UniqueFd dev_kvm) {
    auto const system = TRY(System::make(std::move(dev_kvm)));
    std::array<GuestRange, 1> const ranges = {GuestRange{GuestAddr{0}, kRamBytes}};
    auto ram = TRY(GuestMemory::make(ranges));
    auto const code = ram.slice(GuestAddr{kCodeAt}, kCode.size());
    if (!code.ok() || !code.value().write_bytes(0, std::as_bytes(std::span(kCode))).ok())
        return fail(Error(Errc::kInternal, "the measuring loop does not fit"));
    auto vm = TRY(system.create_vm());
    TRY(vm.map_memory(ram));
    auto vcpu = TRY(vm.create_vcpu(0));
    TRY(point_at_code(vcpu));
    auto const begin = std::chrono::steady_clock::now();
    auto exit = vcpu.run();
    while (std::holds_alternative<vcpu_exit::Interrupted>(exit)) exit = vcpu.run();
    std::chrono::duration<double> const took = std::chrono::steady_clock::now() - begin;
    if (!std::holds_alternative<vcpu_exit::Halt>(exit))
        return fail(Error(Errc::kSystem, "KVM does not run a loop in real mode"));
    return kRounds * kInstructionsARound / took.count();
}

}  // namespace krun::vmm
