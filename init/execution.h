// SPDX-License-Identifier: Apache-2.0
// A process that the host executes in the container: what it is to be, and the process.
#pragma once
#include <cstdint>
#include <string>

#include "config-gen/exec_config.h"
#include "init/guest_process.h"

namespace krun::init {

struct Execution {
    ExecConfig config;
    GuestProcess process;

    Execution(ExecConfig wanted, uint32_t number, ControlLink& control, EventLoop& loop)
        : config(std::move(wanted)), process(number, control, loop) {}

    // As a child of init, in the namespaces of `payload` and below its cgroup, if `payload_cgroup` is valid.
    // `krun` is the container's.
    Result<void> start(guest::Krun const& krun, GuestProcess const& payload, UniqueFd const& payload_cgroup,
                       Connections connections);
};

}  // namespace krun::init
