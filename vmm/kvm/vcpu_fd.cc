// SPDX-License-Identifier: Apache-2.0
#include "vmm/kvm/vcpu_fd.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdio>

#include "vmm/kvm/flexible.h"
#include "vmm/kvm/ioctl.h"

namespace krun::vmm {
namespace {

vcpu_exit::Fault fault(char const* what, uint64_t detail) {
    char text[96];
    std::snprintf(text, sizeof text, "%s (0x%llx)", what, static_cast<unsigned long long>(detail));
    return {text};
}

}  // namespace

Result<VcpuFd> VcpuFd::make(UniqueFd fd, size_t area_bytes) {
    auto area = TRY_WITH(Mapping::file_shared(fd.borrow(), area_bytes), "map a vCPU");
    return VcpuFd(std::move(fd), std::move(area));
}

Result<uint32_t> VcpuFd::tsc_khz() const {
    return static_cast<uint32_t>(
        TRY(kvm_ioctl(fd_.borrow(), KVM_GET_TSC_KHZ, 0, "ask for the TSC frequency")));
}

Result<void> VcpuFd::set_cpuid(std::span<kvm_cpuid_entry2 const> entries) {
    TRY(kvm_ioctl(fd_.borrow(), kSetCpuid2, with_head(entries).data(), "set CPUID"));
    return {};
}

Result<void> VcpuFd::set_msrs(std::span<kvm_msr_entry const> msrs) {
    auto const done =
        static_cast<size_t>(TRY(kvm_ioctl(fd_.borrow(), kSetMsrs, with_head(msrs).data(), "set MSRs")));
    if (done < msrs.size())
        return fail(Error(Errc::kUnsupported, "kvm: refuses MSR " + std::to_string(msrs[done].index)));
    return {};
}

Result<kvm_sregs> VcpuFd::sregs() const {
    kvm_sregs sregs{};
    TRY(kvm_ioctl(fd_.borrow(), KVM_GET_SREGS, &sregs, "get system registers"));
    return sregs;
}

Result<void> VcpuFd::set_sregs(kvm_sregs const& sregs) {
    TRY(kvm_ioctl(fd_.borrow(), KVM_SET_SREGS, &sregs, "set system registers"));
    return {};
}

Result<void> VcpuFd::set_regs(kvm_regs const& regs) {
    TRY(kvm_ioctl(fd_.borrow(), KVM_SET_REGS, &regs, "set registers"));
    return {};
}

bool VcpuFd::is_stuck() const {
    constexpr uint64_t kInterruptsOn = 1u << 9;
    kvm_mp_state state{};
    kvm_regs regs{};
    if (!kvm_ioctl(fd_.borrow(), KVM_GET_MP_STATE, &state, "get a vCPU's state").ok()) return false;
    if (state.mp_state == KVM_MP_STATE_UNINITIALIZED || state.mp_state == KVM_MP_STATE_INIT_RECEIVED)
        return true;
    if (state.mp_state != KVM_MP_STATE_HALTED) return false;
    return kvm_ioctl(fd_.borrow(), KVM_GET_REGS, &regs, "get registers").ok() &&
           (regs.rflags & kInterruptsOn) == 0;
}

void VcpuFd::tell_of_pause() {
    ignore(kvm_ioctl(fd_.borrow(), KVM_KVMCLOCK_CTRL, 0, "tell of a pause"), "it has no kvmclock");
}

std::string VcpuFd::registers() const {
    kvm_regs r{};
    auto const s = sregs();
    if (!s.ok() || !kvm_ioctl(fd_.borrow(), KVM_GET_REGS, &r, "get registers").ok()) return {};
    std::array<char, 512> text{};
    auto const u = [](uint64_t value) { return static_cast<unsigned long long>(value); };
    std::snprintf(text.data(), text.size(),
                  "rip=%llx rsp=%llx rflags=%llx rax=%llx rbx=%llx rcx=%llx rdx=%llx rsi=%llx rdi=%llx "
                  "cs=%x cr0=%llx cr2=%llx cr3=%llx cr4=%llx efer=%llx",
                  u(r.rip), u(r.rsp), u(r.rflags), u(r.rax), u(r.rbx), u(r.rcx), u(r.rdx), u(r.rsi), u(r.rdi),
                  s.value().cs.selector, u(s.value().cr0), u(s.value().cr2), u(s.value().cr3),
                  u(s.value().cr4), u(s.value().efer));
    return text.data();
}

void VcpuFd::request_exit() {
    std::atomic_ref(shared().immediate_exit).store(1);
}

VcpuExit VcpuFd::run() {
    if (::ioctl(fd_.borrow().raw(), KVM_RUN, 0) == 0) return decode();
    // EAGAIN: a vCPU that waits for its start-up interrupt was woken without one.
    if (errno == EINTR || errno == EAGAIN) return vcpu_exit::Interrupted{};
    return fault(errno == EFAULT ? "KVM cannot reach guest memory" : "KVM_RUN failed, errno",
                 static_cast<uint64_t>(errno));
}

VcpuExit VcpuFd::decode() {
    auto& run = shared();
    switch (run.exit_reason) {
        case KVM_EXIT_MMIO:
            return vcpu_exit::Mmio{GuestAddr{run.mmio.phys_addr}, run.mmio.is_write != 0,
                                   std::as_writable_bytes(std::span(run.mmio.data))
                                       .first(std::min<size_t>(run.mmio.len, sizeof run.mmio.data))};
        case KVM_EXIT_IO:
            return decode_port();
        case KVM_EXIT_SHUTDOWN:
        case KVM_EXIT_SYSTEM_EVENT:
            return vcpu_exit::Shutdown{};
        case KVM_EXIT_HLT:
            return vcpu_exit::Halt{};
        case KVM_EXIT_INTR:
            return vcpu_exit::Interrupted{};
        case KVM_EXIT_FAIL_ENTRY:
            return fault("the CPU refused to enter the guest", run.fail_entry.hardware_entry_failure_reason);
        case KVM_EXIT_INTERNAL_ERROR:
            return fault("KVM internal error", run.internal.suberror);
        default:
            return fault("unexpected KVM exit", run.exit_reason);
    }
}

VcpuExit VcpuFd::decode_port() {
    auto& io = shared().io;
    auto const area = area_.bytes();
    size_t const len = size_t{io.size} * io.count;
    // KVM's own numbers, but they index memory: checked all the same.
    if (io.data_offset > area.size() || len > area.size() - io.data_offset)
        return fault("KVM port exit outside the vCPU's area", io.data_offset);
    return vcpu_exit::Port{io.port, io.direction == KVM_EXIT_IO_OUT, area.subspan(io.data_offset, len)};
}

}  // namespace krun::vmm
