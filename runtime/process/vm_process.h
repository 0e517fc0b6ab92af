// SPDX-License-Identifier: Apache-2.0
// The container process: the host process that every tool sees as "the container". It holds the VM, carries
// the payload's exit status as its own, and lives in the container's cgroup and namespaces.
#pragma once
#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/unique_fd.h"
#include "config-gen/machine_size.h"
#include "oci/spec.h"
#include "runtime/cgroup/cgroup.h"
#include "runtime/process/notify_socket.h"
#include "runtime/process/passed_fds.h"

namespace krun::runtime {

enum class CgroupManager { kCgroupfs, kSystemd, kDisabled };

struct VmRequest {
    std::string id;
    std::string bundle;  // absolute
    oci::Spec spec;
    BorrowedFd state_dir;     // the container's own state directory
    UniqueFd console_socket;  // connected AF_UNIX stream; valid if and only if a terminal is wanted detached
    CgroupManager cgroup_manager = CgroupManager::kCgroupfs;
    PassedFds passed{};     // for the payload
    NotifySocket notify{};  // for what the payload tells its service manager
    // The caller outlives the container and keeps VmProcess::vm until then.
    bool caller_stays = false;
};

struct VmProcess {
    pid_t pid;
    uint64_t start_time;  // field 22 of /proc/PID/stat
    Cgroup cgroup;
    std::string scope;  // the cgroup's unit, empty without systemd
    MachineSize size{};
    // Duplicates of the VM's descriptors: the VM is destroyed when these are closed, too (vmm/reaper.h).
    std::vector<UniqueFd> vm{};
};

// Forks the container process and returns once its guest is booted and waits for start. Descriptors 0, 1 and
// 2 of the caller become the payload's. The child is the caller's: it is re-parented to the nearest subreaper
// when the caller exits, and its exit status is the payload's (128 + N for signal N; 255 if the VM ended
// without a status). On failure the child is reaped, everything it made is gone, and the error is the user's
// line (texts that engines match: command not found and not executable).
// Blocks until the guest is ready, bounded by the boot time limit. Call from a single-threaded process.
Result<VmProcess> spawn_vm(VmRequest request);

}  // namespace krun::runtime
