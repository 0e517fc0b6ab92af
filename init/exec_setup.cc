// SPDX-License-Identifier: Apache-2.0
#include "init/exec_setup.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/fd.h"
#include "init/namespaces.h"

namespace krun::init {
namespace {

// The mount namespace brings its root as this process's root and working directory (setns(2)).
Result<void> enter_container(ProcessSetup& setup) {
    TRY(enter_namespaces(setup.payload.borrow()));
    setup.root = TRY(open_path("/", O_PATH | O_DIRECTORY));
    return {};
}

Result<void> enter_user(ProcessSetup& setup) {
    if (setup.krun.uid_mappings.empty()) return {};
    return join_user_namespace(setup.payload.borrow());
}

constexpr SetupStep kSteps[] = {
    {"process", prepare_process},
    {"accounting", prepare_accounting},
    {"namespaces", enter_container},
    {"user names", find_user},
    {"streams", open_streams},
    {"restrictions", parse_restrictions},
    {"working directory as root", try_working_directory},
    {"passed descriptors", install_passed_descriptors},
    {"scheduling", set_scheduling},
    {"rlimits", set_limits},
    {"user namespace", enter_user},
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

void run_executed(ExecConfig const& config, guest::Krun const& krun, UniqueFd payload, StatusSocket init,
                  std::vector<ProcessEnd> ends) {
    run_process({.process = config.process,
                 .seccomp_program = config.seccomp,
                 .seccomp_flags = config.seccomp_flags,
                 .personality = config.personality,
                 .krun = krun,
                 .init = std::move(init),
                 .ends = std::move(ends),
                 .payload = std::move(payload)},
                kSteps, [](ProcessSetup&) -> Result<void> { return {}; });
}

}  // namespace krun::init
