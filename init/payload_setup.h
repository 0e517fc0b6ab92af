// SPDX-License-Identifier: Apache-2.0
// Everything between clone and execve, in the payload's own process: namespace, root, devices, terminal,
// identity. One table of steps in the one order that works.
#pragma once
#include <array>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/unique_fd.h"
#include "config-gen/krun_config.h"
#include "init/capabilities.h"
#include "init/seccomp.h"
#include "init/status_socket.h"

namespace krun::init {

struct PayloadSetup {
    KrunConfig const& config;
    StatusSocket& init;
    std::array<UniqueFd, 3> streams;  // without a terminal

    // What earlier steps leave for later ones.
    UniqueFd null_device{};
    UniqueFd root{};
    std::vector<UniqueFd> readonly_later{};
    std::vector<std::string> env{};
    bool in_working_directory = false;
    unsigned last_capability = 0;
    CapabilitySets capabilities{};
    std::vector<sock_filter> seccomp{};
};

struct SetupStep {
    std::string_view name;
    Result<void> (*run)(PayloadSetup& setup);
};
// For the debug log and for the test of their order.
std::span<SetupStep const> setup_steps();

// Runs the steps, reports, waits for the word to go, becomes the payload. REQUIRES: a process that is PID 1
// of a new pid namespace, in a new mount namespace, with one thread.
[[noreturn]] void run_payload(PayloadSetup setup);

}  // namespace krun::init
