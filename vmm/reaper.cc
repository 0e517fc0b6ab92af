// SPDX-License-Identifier: Apache-2.0
// Safety of sharing memory with the reaper: it runs on a stack of its own, makes only raw system calls, and
// so touches neither the heap nor thread-local storage. It ends when its parent does (PR_SET_PDEATHSIG).
#include "vmm/reaper.h"

#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <vector>

namespace krun::vmm {
namespace {

long raw_syscall(long number, long a, long b) {
    long result = number;
    asm volatile("syscall" : "+a"(result) : "D"(a), "S"(b) : "rcx", "r11", "memory");
    return result;
}

// after fork
int wait_for_parent(void* parent) {
    raw_syscall(SYS_prctl, PR_SET_PDEATHSIG, SIGKILL);
    // If the parent was gone before the prctl, there is no signal to come.
    if (raw_syscall(SYS_getppid, 0, 0) != reinterpret_cast<long>(parent)) raw_syscall(SYS_exit_group, 0, 0);
    while (true) raw_syscall(SYS_pause, 0, 0);
}

void close_all_but(std::span<int const> keep) {
    std::vector<int> sorted(keep.begin(), keep.end());
    std::sort(sorted.begin(), sorted.end());
    unsigned begin = 0;
    for (int const fd : sorted) {
        auto const at = static_cast<unsigned>(fd);
        if (at > begin) ::close_range(begin, at - 1, 0);
        begin = at + 1;
    }
    ::close_range(begin, ~0u, 0);
}

}  // namespace

void leave_vm_teardown_to_a_reaper(std::span<int const> vm_descriptors) {
    close_all_but(vm_descriptors);
    // Static: it must live on when this function's frame is gone.
    alignas(16) static std::byte stack[4096];
    // The reaper must not die of a signal meant for our process group before it has anything to reap.
    sigset_t all;
    sigfillset(&all);
    ::sigprocmask(SIG_BLOCK, &all, nullptr);
    // No exit signal: the process is nobody's child to account for.
    ::clone(wait_for_parent, stack + sizeof stack, CLONE_FILES | CLONE_VM,
            reinterpret_cast<void*>(long{::getpid()}));
}

}  // namespace krun::vmm
