// SPDX-License-Identifier: Apache-2.0
// A pod's sandbox container ("pause"): a process that holds namespaces and a cgroup for the pod's other
// containers, and otherwise waits. It needs no machine, and has none; to every client it is a container like
// others.
#pragma once
#include "base/error.h"
#include "base/unique_fd.h"
#include "runtime/isolation/namespaces.h"
#include "runtime/process/vm_process.h"

namespace krun::runtime {

// Opened on the host, because the process cannot name it any more.
struct SandboxTask {
    UniqueFd rootfs;
    NamespacePlan namespaces;
    UniqueFd dev_null;
    UniqueFd control_listener;
    UniqueFd report{};  // where the creator waits for a creation_report.h
};

Result<SandboxTask> prepare_sandbox(VmRequest const& request);

// Runs after the fork, in the child's only thread. Ends with status 0 when it is started and told to
// terminate, as pause does; by another signal that ends a process, or not yet started, with 128 + its number.
[[noreturn]] void sandbox_main(SandboxTask task);

}  // namespace krun::runtime
