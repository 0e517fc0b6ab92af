// SPDX-License-Identifier: Apache-2.0
// Making a container: all of it or nothing.
#pragma once
#include <sys/types.h>

#include <string>
#include <vector>

#include "base/error.h"
#include "runtime/cli/globals.h"
#include "runtime/process/passed_fds.h"
#include "runtime/state/container.h"

namespace krun::runtime {

struct CreateRequest {
    std::string id;
    std::string bundle;          // a directory; empty: the working directory
    std::string console_socket;  // path, or empty
    std::string pid_file;        // path, or empty
    std::string pidfd_socket{};  // path, or empty
    UniqueFd console{};          // a connected socket in the place of console_socket, or invalid
    PassedFds passed{};          // for the payload
    bool caller_stays = false;   // until the container has ended: VmRequest::caller_stays
};

// Returns once the guest is booted and waits for start, the state says "created" and the pid file is
// complete. The container process is our child. On failure nothing is left: no process, cgroup, file or
// directory.
Result<Container> create_container(Globals const& globals, CreateRequest request);

}  // namespace krun::runtime
