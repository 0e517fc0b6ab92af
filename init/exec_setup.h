// SPDX-License-Identifier: Apache-2.0
// One more process of a running container between clone and execve: it enters the payload's namespaces,
// goes on as a child of its own inside and becomes what its own configuration says.
#pragma once
#include <span>
#include <vector>

#include "base/unique_fd.h"
#include "config-gen/exec_config.h"
#include "init/process_setup.h"

namespace krun::init {

// For the debug log and for the test of their order.
std::span<SetupStep const> exec_steps();

// `krun` is the container's. REQUIRES: the intermediate process (intermediate.h), with init's namespaces and
// one thread.
[[noreturn]] void run_executed(ExecConfig const& config, guest::Krun const& krun, Joining joining,
                               StatusSocket init, std::vector<ProcessEnd> ends);

}  // namespace krun::init
