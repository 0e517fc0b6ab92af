// SPDX-License-Identifier: Apache-2.0
// The payload's process as init sees it: started by clone, signalled, reaped.
#pragma once
#include <sys/types.h>

#include <array>
#include <cstdint>

#include "base/error.h"
#include "base/unique_fd.h"
#include "config-gen/krun_config.h"
#include "init/status_socket.h"

namespace krun::init {

struct Payload {
    pid_t pid = -1;
    StatusSocket socket;
};

// Clones a child with the namespaces of `config`, in `cgroup` if that is valid, which runs run_payload(). The
// child is PID 1 of a pid namespace: no process of the payload can see or signal init. REQUIRES: one thread.
Result<Payload> start_payload(KrunConfig const& config, std::array<UniqueFd, 3> streams, UniqueFd cgroup);

// CLONE_* for config.krun.namespaces; pid and mount are always among them, cgroup never (payload_setup.cc).
uint64_t clone_flags(guest::Krun const& krun);

}  // namespace krun::init
