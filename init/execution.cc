// SPDX-License-Identifier: Apache-2.0
#include "init/execution.h"

#include <fcntl.h>

#include <cerrno>

#include "base/fd.h"
#include "init/cgroup.h"
#include "init/exec_setup.h"

namespace krun::init {
namespace {

// In `cgroup`, if that is valid: born there, or moving there itself.
enum class Arrival { kBirth, kMove };

Result<Joining> join(GuestProcess const& payload, UniqueFd const& cgroup, Arrival arrival) {
    Joining joining {
        .payload = TRY(duplicate(payload.pidfd()))
    };
    if (!cgroup.valid()) return joining;
    if (arrival == Arrival::kBirth)
        joining.cgroup = TRY(duplicate(cgroup.borrow()));
    else
        joining.cgroup_procs = TRY(open_at(cgroup.borrow(), "cgroup.procs", O_WRONLY));
    return joining;
}

Result<Child> clone_executed(Execution const& execution, guest::Krun const& krun, GuestProcess const& payload,
                             UniqueFd const& cgroup, std::vector<ProcessEnd>& ends, Arrival arrival) {
    auto joining = TRY(join(payload, cgroup, arrival));
    return clone_into_container([&](StatusSocket init, BirthRecord& birth) {
        joining.birth = &birth;
        run_executed(execution.config, krun, std::move(joining), std::move(init), std::move(ends));
    });
}

}  // namespace

Result<void> Execution::start(guest::Krun const& krun, GuestProcess const& payload,
                              UniqueFd const& payload_cgroup, Connections connections) {
    UniqueFd cgroup;
    if (payload_cgroup.valid() || !config.cgroup.empty())
        cgroup = TRY(open_cgroup_below(payload_cgroup, config.cgroup));
    auto const make_child = [&](std::vector<ProcessEnd> ends) -> Result<Child> {
        auto const clone = [&](Arrival arrival) {
            return clone_executed(*this, krun, payload, cgroup, ends, arrival);
        };
        auto child = clone(Arrival::kBirth);
        // A payload that shares its cgroup out among others, as systemd does, has left it to no process: then
        // where it is itself is the place (cgroup-v2.rst, No Internal Process Constraint).
        if (!child.ok() && child.error().sys_errno() == EBUSY && config.cgroup.empty()) {
            cgroup = TRY(open_cgroup_of(payload_cgroup, payload.pid()));
            child = clone(Arrival::kBirth);
        }
        // Its limit on pids leaves no room.
        if (!child.ok() && child.error().sys_errno() == EAGAIN && cgroup.valid())
            child = clone(Arrival::kMove);
        return child;
    };
    return process.start(config.process, std::move(connections), make_child);
}

}  // namespace krun::init
