// SPDX-License-Identifier: Apache-2.0
// Programs of the user that run on the host at points of a container's life (runtime-spec
// config.md#posix-platform-hooks).
#pragma once
#include <sys/types.h>

#include <string>
#include <vector>

#include "base/error.h"
#include "oci/spec.h"

namespace krun::runtime {

// Runs the hooks in order with `state_json` on their standard input and `directory` as working directory;
// each has the environment it lists, or ours. Stops at the first that fails, exceeds its timeout or cannot be
// run; `kind` names it in the error. Blocks until they have ended. They run in our namespaces, except that
// the network, IPC and UTS ones are those of process `container` if that is not 0.
Result<void> run_hooks(char const* kind, std::vector<oci::Hook> const& hooks, std::string const& state_json,
                       std::string const& directory, pid_t container = 0);

}  // namespace krun::runtime
