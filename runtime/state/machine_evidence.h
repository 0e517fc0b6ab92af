// SPDX-License-Identifier: Apache-2.0
// What a dead machine's devices, CPU and file share were doing, as lines for a person: kept in the state
// directory when it ended without its payload's status.
#pragma once
#include <string>

#include "base/error.h"
#include "base/unique_fd.h"
#include "fs/server.h"
#include "vmm/machine.h"

namespace krun::runtime {

inline constexpr char const* kMachineStateName = "machine_state";
inline constexpr size_t kMaxMachineStateBytes = size_t{64} * 1024;

// REQUIRES: `machine` is stopped. All that comes from the guest is numbers.
std::string machine_evidence(vmm::Machine const& machine, fs::Server const& share);
// What was kept, empty if nothing was.
std::string read_machine_evidence(BorrowedFd state_dir);

}  // namespace krun::runtime
