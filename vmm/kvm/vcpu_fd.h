// SPDX-License-Identifier: Apache-2.0
// Typed ioctls of one vCPU, and its exits decoded (kvm api §5). Used by one thread at a time; only
// request_exit() may come from another.
#pragma once
#include <linux/kvm.h>

#include <span>
#include <string>
#include <variant>
#include <vector>

#include "base/error.h"
#include "base/mapping.h"
#include "base/unique_fd.h"
#include "vmm/memory/guest_memory.h"

namespace krun::vmm {

namespace vcpu_exit {
// The guest touched an address that is not RAM. `data` is 1, 2, 4 or 8 bytes of the shared area, valid until
// the next run(): written by the guest, or to be filled for it.
struct Mmio {
    GuestAddr at;
    bool is_write;
    std::span<std::byte> data;
};
// An `in` or `out`, possibly a string of them. Same lifetime.
struct Port {
    uint16_t port;
    bool is_write;
    std::span<std::byte> data;
};
struct Interrupted {};  // a signal, or request_exit()
struct Shutdown {};     // triple fault, or a reset asked of the platform
struct Halt {};
struct Fault {  // KVM cannot go on with this vCPU
    std::string text;
};
}  // namespace vcpu_exit
using VcpuExit = std::variant<vcpu_exit::Mmio, vcpu_exit::Port, vcpu_exit::Interrupted, vcpu_exit::Shutdown,
                              vcpu_exit::Halt, vcpu_exit::Fault>;

class VcpuFd {
public:
    // `area_bytes` is KVM_GET_VCPU_MMAP_SIZE, at least sizeof(kvm_run).
    static Result<VcpuFd> make(UniqueFd fd, size_t area_bytes);

    BorrowedFd fd() const { return fd_.borrow(); }
    Result<uint32_t> tsc_khz() const;
    Result<void> set_cpuid(std::span<kvm_cpuid_entry2 const> entries);
    Result<void> set_msrs(std::span<kvm_msr_entry const> msrs);
    Result<kvm_sregs> sregs() const;
    Result<void> set_sregs(kvm_sregs const& sregs);
    Result<void> set_regs(kvm_regs const& regs);

    // Whether it is halted with interrupts off, or was never started: only another vCPU can wake it.
    bool is_stuck() const;

    // The guest's watchdogs forgive it the time that it did not run (kvm api, KVM_KVMCLOCK_CTRL). A guest
    // without kvmclock hears nothing of it.
    void tell_of_pause();
    // One line: where it is, for whoever asks why it ended. Empty if KVM does not tell.
    std::string registers() const;

    // Runs the guest until it needs us. Blocks.
    VcpuExit run();
    // From now on run() returns at once with Interrupted. Any thread; a thread that is inside run() needs a
    // signal as well.
    void request_exit();

private:
    VcpuFd(UniqueFd fd, Mapping area) : fd_(std::move(fd)), area_(std::move(area)) {}
    kvm_run& shared() const { return *reinterpret_cast<kvm_run*>(area_.bytes().data()); }
    VcpuExit decode();
    VcpuExit decode_port();

    UniqueFd fd_;
    Mapping area_;
};

}  // namespace krun::vmm
