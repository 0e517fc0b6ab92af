// SPDX-License-Identifier: Apache-2.0
// What every process of the container goes through between clone and execve. The payload's first one
// (payload_setup.h) and those that are executed later (exec_setup.h) each have a table of steps, in the one
// order that works; the steps they share are here.
#pragma once
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/unique_fd.h"
#include "config-gen/krun_config.h"
#include "init/capabilities.h"
#include "init/intermediate.h"
#include "init/seccomp.h"
#include "init/status_socket.h"
#include "init/stdio.h"

namespace krun::init {

// How a process that starts outside of the container gets into it.
struct Joining {
    UniqueFd payload{};       // a pidfd, whose namespaces to enter
    UniqueFd cgroup{};        // the directory of the cgroup to be born in; or invalid
    UniqueFd cgroup_procs{};  // the cgroup's file to move there by, where nothing can be born; or invalid
    BirthRecord* birth = nullptr;
};

struct ProcessSetup {
    guest::Process const& process;
    std::string const& seccomp_program;
    uint32_t seccomp_flags;
    uint32_t personality;
    guest::Krun const& krun;  // of the container
    StatusSocket init;
    std::vector<ProcessEnd> ends;
    KrunConfig const* container = nullptr;  // for the payload: what it is to set up
    Joining joining{};                      // for any other process

    // What earlier steps leave for later ones.
    UniqueFd boot_proc{};
    UniqueFd null_device{};
    UniqueFd root{};
    std::vector<UniqueFd> readonly_later{};
    guest::User user{};
    guest::User owner{};  // the same in the machine's ids
    std::vector<std::string> env{};
    bool in_working_directory = false;
    unsigned last_capability = 0;
    CapabilitySets capabilities{};
    std::vector<sock_filter> seccomp{};
};

struct SetupStep {
    std::string_view name;
    Result<void> (*run)(ProcessSetup& setup);
};

// Shared steps, in the order in which they are taken.
Result<void> prepare_process(ProcessSetup& setup);
Result<void> start_session(ProcessSetup& setup);
Result<void> prepare_accounting(ProcessSetup& setup);  // needs the boot tree's /proc
Result<void> find_user(ProcessSetup& setup);           // in the container's files, below setup.root
Result<void> open_streams(ProcessSetup& setup);        // with a terminal: from the devpts below setup.root
Result<void> parse_restrictions(ProcessSetup& setup);
Result<void> try_working_directory(ProcessSetup& setup);
Result<void> install_passed_descriptors(ProcessSetup& setup);
Result<void> set_scheduling(ProcessSetup& setup);
Result<void> set_limits(ProcessSetup& setup);
Result<void> drop_bounding_set(ProcessSetup& setup);
Result<void> change_user(ProcessSetup& setup);
Result<void> change_capabilities(ProcessSetup& setup);
Result<void> forbid_new_privileges(ProcessSetup& setup);
Result<void> enter_working_directory(ProcessSetup& setup);

// Runs `steps`, finds the program and reports ready; then calls `before_exec`, which may wait, and becomes
// the program. Every failure is reported to init. REQUIRES: a process that init has just cloned.
using BeforeExec = Result<void> (*)(ProcessSetup& setup);
[[noreturn]] void run_process(ProcessSetup setup, std::span<SetupStep const> steps, BeforeExec before_exec);

}  // namespace krun::init
