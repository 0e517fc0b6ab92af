// SPDX-License-Identifier: Apache-2.0
#include "init/execution.h"

#include <cerrno>

#include "base/fd.h"
#include "init/cgroup.h"
#include "init/exec_setup.h"

namespace krun::init {
namespace {

Result<Child> clone_executed(ExecConfig const& config, guest::Krun const& krun, GuestProcess const& payload,
                             UniqueFd const& cgroup, std::vector<ProcessEnd>& ends) {
    return clone_into_container(payload.pidfd(), cgroup, [&](StatusSocket init) {
        auto pidfd = duplicate(payload.pidfd());
        if (!pidfd.ok()) ::_exit(1);
        run_executed(config, krun, std::move(pidfd).value(), std::move(init), std::move(ends));
    });
}

}  // namespace

Result<void> Execution::start(guest::Krun const& krun, GuestProcess const& payload,
                              UniqueFd const& payload_cgroup, Connections connections) {
    UniqueFd cgroup;
    if (payload_cgroup.valid() || !config.cgroup.empty())
        cgroup = TRY(open_cgroup_below(payload_cgroup, config.cgroup));
    auto const make_child = [&](std::vector<ProcessEnd> ends) -> Result<Child> {
        auto child = clone_executed(config, krun, payload, cgroup, ends);
        // A payload that shares its cgroup out among others, as systemd does, has left it to no process: then
        // where it is itself is the place (cgroup-v2.rst, No Internal Process Constraint).
        if (child.ok() || child.error().sys_errno() != EBUSY || !config.cgroup.empty()) return child;
        auto const own = TRY(open_cgroup_of(payload_cgroup, payload.pid()));
        return clone_executed(config, krun, payload, own, ends);
    };
    return process.start(config.process, std::move(connections), make_child);
}

}  // namespace krun::init
