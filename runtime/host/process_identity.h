// SPDX-License-Identifier: Apache-2.0
// A process that can still be told from another one with the same number, after it ended or after a reboot.
#pragma once
#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>

#include "base/error.h"
#include "base/unique_fd.h"

namespace krun::runtime {

struct ProcessIdentity {
    pid_t pid = 0;            // 0: no process
    uint64_t start_time = 0;  // clock ticks since boot, /proc/PID/stat field 22
    std::string boot_id;      // /proc/sys/kernel/random/boot_id
};

// The identity of a living process of this boot. kNotFound if there is none, or only a zombie.
Result<ProcessIdentity> identify(pid_t pid);
// The same from what is already known; fails only if the boot cannot be identified.
Result<ProcessIdentity> identify(pid_t pid, uint64_t start_time);

// Whether it still runs: not ended, not a zombie, not another process under its number, not of an earlier
// boot.
bool is_alive(ProcessIdentity const& process);

// Whether it is a thread of the kernel's own, as KVM has one for each machine: until Linux 6.13 in the
// cgroups of the process that made it.
bool is_kernel_thread(pid_t pid);

// A pidfd of exactly this process, or nullopt if it no longer runs.
std::optional<UniqueFd> open_process(ProcessIdentity const& process);

// Signals through a pidfd. A process that has ended is no error.
Result<void> send_signal(BorrowedFd pidfd, int signal);
// Waits until the process has ended (it may stay a zombie until its parent reaps it). False on timeout.
Result<bool> wait_for_end(BorrowedFd pidfd, int timeout_ms);

}  // namespace krun::runtime
