// SPDX-License-Identifier: Apache-2.0
// The payload's first process between clone and execve: it sets up the whole container from inside, reports
// ready and waits for the word to go.
#pragma once
#include <span>
#include <vector>

#include "config-gen/krun_config.h"
#include "init/process_setup.h"

namespace krun::init {

// For the debug log and for the test of their order.
std::span<SetupStep const> payload_steps();

// REQUIRES: a process that is PID 1 of a new pid namespace, in a new mount namespace, with one thread.
[[noreturn]] void run_payload(KrunConfig const& config, StatusSocket init, std::vector<ProcessEnd> ends);

}  // namespace krun::init
