// SPDX-License-Identifier: Apache-2.0
// Destroying a young VM waits some 15 ms for kernel grace periods, and a process is not reported dead before
// its files are closed. So whoever waits for us would wait for that.
#pragma once
#include <span>
#include <vector>

#include "base/unique_fd.h"

namespace krun::vmm {

// Starts a tiny process that shares our descriptors and memory, outlives us by that destruction, and does
// nothing else. To be followed by _exit() at once; the machine is stopped and not destroyed. Closes every
// other descriptor first, so that pipes of ours report end-of-file when we exit, not later. If the process
// cannot be made nothing is lost but the time.
//
// `vm_descriptors`: Machine::vm_descriptors() of each living machine.
//
// The caller must not be PID 1 of a PID namespace: the kernel would end the reaper with it and wait. The
// reaper stays in the caller's cgroup while it lives: removing that cgroup may say EBUSY for some 20 ms.
void leave_vm_teardown_to_a_reaper(std::span<int const> vm_descriptors);

// Closes the last descriptors of a VM whose process is dead, without waiting for its destruction: a tiny
// process does, in the caller's cgroup, and the caller goes on. If that process cannot be made the caller
// waits. Single-threaded process only.
void close_vm_elsewhere(std::vector<UniqueFd> vm_descriptors);

}  // namespace krun::vmm
