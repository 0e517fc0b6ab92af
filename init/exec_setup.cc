// SPDX-License-Identifier: Apache-2.0
#include "init/exec_setup.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <sys/mount.h>
#include <unistd.h>

#include "base/fd.h"
#include "init/descriptors.h"
#include "init/mounts.h"
#include "init/namespaces.h"

namespace krun::init {
namespace {

uint64_t bit(unsigned capability) {
    return uint64_t{1} << capability;
}

// Whoever gets hold of the cgroup's directory could go up from it, and write there: of a read-only mount of
// its own that is neither.
Result<void> seal_cgroup(ProcessSetup& setup) {
    auto& cgroup = setup.joining.cgroup;
    if (!cgroup.valid()) return {};
    auto sealed = TRY(clone_tree(cgroup.borrow(), "", /*recursive=*/false));
    TRY(change_attributes(sealed.borrow(), MOUNT_ATTR_RDONLY, 0, /*recursive=*/false));
    cgroup = TRY(move_above_streams(std::move(sealed)));
    return {};
}

// The mount namespace brings its root as this process's root and working directory (setns(2)), the pid
// namespace is its child's.
Result<void> enter_container(ProcessSetup& setup) {
    TRY(enter_namespaces(setup.joining.payload.borrow()));
    setup.root = TRY(open_path("/", O_PATH | O_DIRECTORY));
    return {};
}

// What the steps inside need, beside what the program shall have.
uint64_t capabilities_until_exec(ProcessSetup const& setup) {
    uint64_t needed = bit(CAP_CHOWN) | bit(CAP_DAC_OVERRIDE) | bit(CAP_DAC_READ_SEARCH) | bit(CAP_SETUID) |
                      bit(CAP_SETGID) | bit(CAP_SETPCAP);
    auto const& process = setup.process;
    if (process.scheduler || process.io_priority) needed |= bit(CAP_SYS_NICE);
    if (!process.rlimits.empty()) needed |= bit(CAP_SYS_RESOURCE);
    if (!setup.seccomp.empty() || !setup.krun.uid_mappings.empty()) needed |= bit(CAP_SYS_ADMIN);
    return needed;
}

// Inside, a process with CAP_SYS_PTRACE may take over this one: it shall not find there what it has not got.
Result<void> shed_capabilities(ProcessSetup& setup) {
    auto const& sets = setup.capabilities;
    TRY(limit_bounding(sets, setup.last_capability));
    return keep_capabilities(sets.permitted | sets.effective | sets.inheritable |
                             capabilities_until_exec(setup));
}

Result<void> go_on_inside(ProcessSetup& setup) {
    auto& joining = setup.joining;
    TRY(continue_as_child(*joining.birth, joining.cgroup));
    joining.cgroup.reset();
    return {};
}

// No limit forbids moving (cgroup-v2.rst, PID): a full container can still be looked into.
Result<void> move_to_cgroup(ProcessSetup& setup) {
    auto& procs = setup.joining.cgroup_procs;
    if (!procs.valid()) return {};
    TRY_WITH(write_full(procs.borrow(), "0"), "move to the container's cgroup");
    procs.reset();
    return {};
}

Result<void> enter_user(ProcessSetup& setup) {
    if (setup.krun.uid_mappings.empty()) return {};
    return join_user_namespace(setup.joining.payload.borrow());
}

constexpr SetupStep kSteps[] = {
    // Outside: nothing that waits for the container, which init would wait for.
    {"process", prepare_process},
    {"accounting", prepare_accounting},
    {"cgroup's directory", seal_cgroup},
    {"namespaces", enter_container},
    {"restrictions", parse_restrictions},
    {"capabilities for the inside", shed_capabilities},
    {"inside", go_on_inside},
    {"cgroup", move_to_cgroup},
    {"session", start_session},
    {"user names", find_user},
    {"streams", open_streams},
    {"working directory as root", try_working_directory},
    {"passed descriptors", install_passed_descriptors},
    {"scheduling", set_scheduling},
    {"rlimits", set_limits},
    {"user namespace", enter_user},  // sets all capabilities and the bounding set anew
    {"bounding set", drop_bounding_set},
    {"user", change_user},
    {"capabilities", change_capabilities},
    {"no_new_privs", forbid_new_privileges},
    {"working directory as user", enter_working_directory},
};

}  // namespace

std::span<SetupStep const> exec_steps() {
    return kSteps;
}

void run_executed(ExecConfig const& config, guest::Krun const& krun, Joining joining, StatusSocket init,
                  std::vector<ProcessEnd> ends) {
    run_process({.process = config.process,
                 .seccomp_program = config.seccomp,
                 .seccomp_flags = config.seccomp_flags,
                 .personality = config.personality,
                 .krun = krun,
                 .init = std::move(init),
                 .ends = std::move(ends),
                 .joining = std::move(joining)},
                kSteps, [](ProcessSetup&) -> Result<void> { return {}; });
}

}  // namespace krun::init
