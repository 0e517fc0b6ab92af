// SPDX-License-Identifier: Apache-2.0
// The system calls of a machine's threads. Each thread is allowed those of every thread and those of its
// role; a device's are in its row of the device table.
#pragma once
#include <span>
#include <string>

#include "base/error.h"
#include "base/syscall_filter.h"

namespace krun::vmm {

// What any thread of this process may need: memory, locks, its event loop, the log, its end.
std::span<SyscallRule const> common_syscalls();
// What a vCPU needs beyond.
std::span<SyscallRule const> vcpu_syscalls();

// The filter for a thread called `thread`: common_syscalls() and those of `role`.
Result<SyscallFilter> thread_filter(std::string const& thread, std::span<SyscallRule const> role);

}  // namespace krun::vmm
