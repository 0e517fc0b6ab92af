// SPDX-License-Identifier: Apache-2.0
#include "vmm/thread_syscalls.h"

#include <linux/kvm.h>
#include <sys/mman.h>
#include <sys/syscall.h>

namespace krun::vmm {
namespace {

using Test = SyscallRule::Test;
constexpr uint32_t kExecutable[] = {PROT_EXEC};
constexpr uint32_t kVcpuIoctl[] = {KVM_RUN, KVM_GET_MP_STATE, KVM_GET_REGS, KVM_GET_SREGS, KVM_KVMCLOCK_CTRL};

constexpr uint32_t kInterrupt[] = {KVM_SIGNAL_MSI};  // to the own guest alone

constexpr SyscallRule kCommon[] = {
    {SYS_ioctl, Test::kOneOf, 1, kInterrupt},
    {SYS_read},
    {SYS_write},
    {SYS_close},
    {SYS_epoll_wait},
    {SYS_epoll_ctl},
    {SYS_futex},
    {SYS_restart_syscall},  // the kernel's own, after a stop and a continue
    // malloc and thread stacks. sched_getaffinity: malloc counts CPUs when it makes an arena.
    {SYS_brk},
    {SYS_mmap, Test::kNoBitsOf, 2, kExecutable},
    {SYS_mprotect, Test::kNoBitsOf, 2, kExecutable},
    {SYS_munmap},
    {SYS_mremap},
    {SYS_madvise},
    {SYS_sched_getaffinity},
    {SYS_clock_gettime},  // where the host's clock needs the kernel
    {SYS_sched_yield},
    // Signals, and abort() with libc's last words (writev).
    {SYS_writev},
    {SYS_rt_sigprocmask},
    {SYS_rt_sigreturn},
    {SYS_getpid},
    {SYS_gettid},
    {SYS_tgkill, Test::kOwnProcess, 0, {}},
    {SYS_exit},
    {SYS_exit_group},
};

constexpr SyscallRule kVcpu[] = {
    {SYS_ioctl, Test::kOneOf, 1, kVcpuIoctl},
    {SYS_timer_create},
    {SYS_timer_settime},
    {SYS_timer_delete},
};

}  // namespace

std::span<SyscallRule const> common_syscalls() {
    return kCommon;
}

std::span<SyscallRule const> vcpu_syscalls() {
    return kVcpu;
}

Result<SyscallFilter> thread_filter(std::string const& thread, std::span<SyscallRule const> role) {
    std::vector<SyscallRule> rules(std::begin(kCommon), std::end(kCommon));
    rules.insert(rules.end(), role.begin(), role.end());
    return SyscallFilter::make(thread, std::move(rules));
}

}  // namespace krun::vmm
