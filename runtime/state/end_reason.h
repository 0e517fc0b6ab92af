// SPDX-License-Identifier: Apache-2.0
// Why a container ended: the files in the state directory that tell it, and the words for each cause.
#pragma once
#include <cstddef>
#include <optional>
#include <string>

#include "base/unique_fd.h"
#include "runtime/state/record.h"
#include "vmm/machine.h"

namespace krun::runtime {

// One line: why a VM ended without its payload's status. Empty or absent if it did not.
inline constexpr char const* kEndReasonName = "end_reason";
inline constexpr size_t kMaxEndReasonBytes = 1024;  // one line; it can quote the guest's last words
// Where `state` shows it.
inline constexpr char const* kEndReasonAnnotation = "krun-oci.end-reason";
// The payload's status in decimal, written when the container process has come to its end by itself.
inline constexpr char const* kExitStatusName = "exit_status";

// A machine that ended by itself, or was seen to have stopped. Told apart: the guest kernel ran out of
// memory, it panicked, it halted, it reset the machine, or the monitor could not go on. `console` is hostile
// text, `words` its best line (KernelLog::last_words).
std::string machine_end_reason(std::optional<vmm::EndReason> const& end, std::string_view console,
                               std::string const& words);

// The line in which the guest's kernel tells that it killed a process for want of memory, the last of them;
// empty if there is none.
std::string guest_oom_kill(std::string_view console);

// Why the VM ended without a status of the payload, as recorded in the state directory; empty if it did not.
std::string read_end_reason(BorrowedFd state_dir);

// Of a stopped container, in one line, from the files above and its cgroup.
std::string end_of_container(BorrowedFd state_dir, Record const& record);

}  // namespace krun::runtime
