// SPDX-License-Identifier: Apache-2.0
#include "init/payload_setup.h"

#include <sched.h>
#include <unistd.h>

#include <algorithm>

#include "base/fd.h"
#include "init/descriptors.h"
#include "init/devices.h"
#include "init/disks.h"
#include "init/hooks.h"
#include "init/masks.h"
#include "init/mount_point.h"
#include "init/notify_socket.h"
#include "init/rootfs.h"
#include "init/sysctl.h"
#include "init/terminal.h"
#include "init/time_namespace.h"
#include "init/user_namespace.h"

namespace krun::init {
namespace {

Result<void> enter_cgroup_namespace(ProcessSetup& setup) {
    auto const& wanted = setup.krun.namespaces;
    if (std::find(wanted.begin(), wanted.end(), "cgroup") == wanted.end()) return {};
    // Not with clone: its root would be init's cgroup, as the namespace is made before the process moves.
    if (::unshare(CLONE_NEWCGROUP) < 0) return fail(Error::sys("create a cgroup namespace"));
    return {};
}

Result<void> use_boot_tree(ProcessSetup& setup) {
    auto boot_proc = TRY(open_boot_proc());
    setup.boot_proc = TRY(move_above_streams(std::move(boot_proc)));  // it outlives "passed descriptors"
    setup.null_device = TRY(open_null_device("/dev/null"));
    TRY(write_sysctls(setup.krun.sysctl));
    return prepare_accounting(setup);
}

Result<void> enter_time_namespace(ProcessSetup& setup) {
    auto const& wanted = setup.krun.namespaces;
    if (std::find(wanted.begin(), wanted.end(), "time") == wanted.end()) return {};
    return create_time_namespace(setup.krun.time_offsets);
}

Result<void> become_container_root(ProcessSetup& setup) {
    return act_as_container_root(setup.krun);
}

Result<void> make_mounts(ProcessSetup& setup) {
    setup.root = TRY(open_rootfs(setup.krun));
    auto const tell = [&](uint32_t number, UniqueFd listener) {
        return setup.init.send({StatusKind::kSocket, number, {}, std::move(listener)});
    };
    setup.readonly_later = TRY(mount_all(setup.root.borrow(), setup.container->mounts, tell));
    return {};
}

Result<void> make_devices(ProcessSetup& setup) {
    if (!makes_devices(setup.container->mounts)) return {};
    TRY(create_devices(setup.root.borrow(), setup.krun.devices));
    return create_disk_nodes(setup.root.borrow(), setup.krun);
}

Result<void> show_console(ProcessSetup& setup) {
    if (!setup.process.terminal) return {};
    return mount_console(setup.root.borrow(), setup.ends.back().fd.borrow());
}

Result<void> open_notify_socket(ProcessSetup& setup) {
    auto const& path = setup.krun.notify_socket;
    if (path.empty()) return {};
    auto socket = TRY_WITH(make_notify_socket(setup.root.borrow(), path, setup.owner), "notify socket");
    return setup.init.send({StatusKind::kNotify, 0, {}, std::move(socket)});
}

Result<void> restrict_paths(ProcessSetup& setup) {
    auto const root = setup.root.borrow();
    TRY(make_mounts_readonly(setup.readonly_later));
    TRY(make_paths_readonly(root, setup.krun.readonly_paths));
    return mask_paths(root, setup.krun.masked_paths, setup.null_device.borrow());
}

// A missing working directory is created here, as root, before the root may become read-only.
Result<void> create_working_directory(ProcessSetup& setup) {
    auto const made = open_or_create_in_root(setup.root.borrow(), setup.process.cwd, NodeKind::kDirectory);
    // What is wrong with it, chdir() will say in the words that users know.
    ignore(made, "chdir reports it");
    return {};
}

Result<void> enter_root(ProcessSetup& setup) {
    auto const& krun = setup.krun;
    return pivot_into(setup.root.borrow(), krun.readonly, krun.propagation);
}

Result<void> change_user_namespace(ProcessSetup& setup) {
    if (setup.krun.uid_mappings.empty()) return {};
    TRY(enter_user_namespace(setup.krun, setup.boot_proc.borrow()));
    setup.boot_proc.reset();
    // A copy of a mount namespace for another owner is a slave of the original (mount_namespaces(7)).
    return set_root_propagation(setup.krun.propagation);
}

constexpr SetupStep kSteps[] = {
    {"process", prepare_process},
    {"session", start_session},
    {"cgroup namespace", enter_cgroup_namespace},
    {"boot tree", use_boot_tree},
    {"time namespace", enter_time_namespace},
    {"container's root", become_container_root},
    {"mounts", make_mounts},
    {"devices", make_devices},
    {"user names", find_user},
    {"streams", open_streams},
    {"console", show_console},
    {"notify socket", open_notify_socket},
    {"missing working directory", create_working_directory},
    {"restricted paths", restrict_paths},
    {"root", enter_root},
    {"restrictions", parse_restrictions},
    {"working directory as root", try_working_directory},
    {"passed descriptors", install_passed_descriptors},
    {"scheduling", set_scheduling},             // real-time needs CAP_SYS_NICE of the machine
    {"rlimits", set_limits},                    // raising needs CAP_SYS_RESOURCE of the machine
    {"user namespace", change_user_namespace},  // sets all capabilities anew
    {"bounding set", drop_bounding_set},        // needs CAP_SETPCAP
    {"user", change_user},                      // loses the effective set
    {"capabilities", change_capabilities},      // ambient ones must be permitted and inheritable first
    {"no_new_privs", forbid_new_privileges},
    {"working directory as user", enter_working_directory},
};

Result<void> wait_for_go(ProcessSetup& setup) {
    auto const message = setup.init.receive();
    if (!message.ok() || !message.value() || message.value()->kind != StatusKind::kGo)
        return fail(Error(Errc::kInternal, "init has gone"));
    return run_hooks("startContainer", setup.container->krun.start_container_hooks, setup.env,
                     setup.container->krun.state);
}

}  // namespace

std::span<SetupStep const> payload_steps() {
    return kSteps;
}

void run_payload(KrunConfig const& config, StatusSocket init, std::vector<ProcessEnd> ends) {
    auto const& krun = config.krun;
    run_process({.process = config.process,
                 .seccomp_program = krun.seccomp,
                 .seccomp_flags = krun.seccomp_flags,
                 .personality = krun.personality,
                 .krun = krun,
                 .init = std::move(init),
                 .ends = std::move(ends),
                 .container = &config},
                kSteps, wait_for_go);
}

}  // namespace krun::init
