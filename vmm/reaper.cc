// SPDX-License-Identifier: Apache-2.0
// Safety of sharing memory with the reaper: it runs on a stack of its own, makes only raw system calls, and
// so touches neither the heap nor thread-local storage.
#include "vmm/reaper.h"

#include <poll.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "base/fd.h"
#include "base/signal_mask.h"

namespace krun::vmm {
namespace {

constexpr size_t kMaxDescriptors = 128;  // a VM has its own and one a vCPU, of which there are at most 64

long raw_syscall(long number, long a, long b = 0, long c = 0) {
    long result = number;
    asm volatile("syscall" : "+a"(result) : "D"(a), "S"(b), "d"(c) : "rcx", "r11", "memory");
    return result;
}

// A stack for a process that shares our memory. Static: it must live on when the caller's frame is gone.
struct Stack {
    alignas(16) std::byte bytes[4096];
    void* top() { return bytes + sizeof bytes; }
};

// after fork. `parent` is a pidfd; it polls readable when the whole process is dead, where PR_SET_PDEATHSIG
// tells of its first thread alone, while others still hold the descriptors.
int wait_for_parent(void* parent) {
    pollfd state{static_cast<int>(reinterpret_cast<intptr_t>(parent)), POLLIN, 0};
    while (raw_syscall(SYS_poll, reinterpret_cast<intptr_t>(&state), 1, -1) == -EINTR) continue;
    raw_syscall(SYS_exit_group, 0);
    return 0;
}

// What close_vm_elsewhere tells its process.
struct Keep {
    struct Range {
        unsigned first, last;
    };
    std::array<Range, 2 + kMaxDescriptors> close;  // everything else
    size_t count;
    int go;  // a pipe that reads end-of-file when the parent has closed its duplicates: the last to close
             // waits
};

// after fork
int hold_descriptors(void* argument) {
    auto const& keep = *static_cast<Keep const*>(argument);
    for (size_t i = 0; i < keep.count; ++i)
        raw_syscall(SYS_close_range, keep.close[i].first, keep.close[i].last);
    char nothing = 0;
    while (raw_syscall(SYS_read, keep.go, reinterpret_cast<intptr_t>(&nothing), 1) == -EINTR) continue;
    raw_syscall(SYS_exit_group, 0);
    return 0;
}

// The gaps between the descriptors `keep`, as close_range(2) takes them; at most one more than there are.
std::vector<Keep::Range> all_but(std::vector<int> keep) {
    std::sort(keep.begin(), keep.end());
    std::vector<Keep::Range> gaps;
    unsigned begin = 0;
    for (int const fd : keep) {
        auto const at = static_cast<unsigned>(fd);
        if (at > begin) gaps.push_back({begin, at - 1});
        begin = at + 1;
    }
    gaps.push_back({begin, ~0u});
    return gaps;
}

}  // namespace

void leave_vm_teardown_to_a_reaper(std::span<int const> vm_descriptors) {
    static Stack stack;
    // For good: the descriptors are the reaper's, too.
    int const self = static_cast<int>(::syscall(SYS_pidfd_open, ::getpid(), 0));
    std::vector<int> keep(vm_descriptors.begin(), vm_descriptors.end());
    if (self >= 0) keep.push_back(self);
    for (auto const& gap : all_but(std::move(keep))) ::close_range(gap.first, gap.last, 0);
    if (self < 0) return;
    // The reaper must not die of a signal meant for our process group before it has anything to reap.
    block_all_signals();
    // No exit signal: the process is nobody's child to account for.
    ::clone(wait_for_parent, stack.top(), CLONE_FILES | CLONE_VM, reinterpret_cast<void*>(intptr_t{self}));
}

void close_vm_elsewhere(std::vector<UniqueFd> vm_descriptors) {
    static Stack stack;
    static Keep keep;
    auto go = make_pipe();
    if (vm_descriptors.empty() || vm_descriptors.size() > kMaxDescriptors || !go.ok()) return;
    keep.go = go.value().first.borrow().raw();
    std::vector<int> kept{keep.go};
    for (auto const& fd : vm_descriptors) kept.push_back(fd.borrow().raw());
    auto const gaps = all_but(std::move(kept));
    std::copy(gaps.begin(), gaps.end(), keep.close.begin());
    keep.count = gaps.size();
    SignalsBlocked const blocked;  // inherited; see above
    ::clone(hold_descriptors, stack.top(), CLONE_VM, &keep);
    vm_descriptors.clear();  // before `go` closes
}

}  // namespace krun::vmm
