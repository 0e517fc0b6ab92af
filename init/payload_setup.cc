// SPDX-License-Identifier: Apache-2.0
#include "init/payload_setup.h"

#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/fd.h"
#include "init/devices.h"
#include "init/exec.h"
#include "init/identity.h"
#include "init/log.h"
#include "init/masks.h"
#include "init/mount_point.h"
#include "init/passwd.h"
#include "init/rootfs.h"
#include "init/sysctl.h"
#include "init/terminal.h"

namespace krun::init {
namespace {

constexpr uint32_t kSetUpFailed = 125;

Result<void> prepare_process(PayloadSetup&) {
    ::umask(0);  // modes are exactly those that are asked for
    sigset_t none;
    ::sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    ::signal(SIGPIPE, SIG_DFL);  // ignored in init, and execve would keep that
    if (::setsid() < 0) return fail(Error::sys("start a session"));
    return {};
}

Result<void> enter_cgroup_namespace(PayloadSetup& setup) {
    auto const& wanted = setup.config.krun.namespaces;
    if (std::find(wanted.begin(), wanted.end(), "cgroup") == wanted.end()) return {};
    // Not with clone: its root would be init's cgroup, as the namespace is made before the process moves.
    if (::unshare(CLONE_NEWCGROUP) < 0) return fail(Error::sys("create a cgroup namespace"));
    return {};
}

Result<void> use_boot_tree(PayloadSetup& setup) {
    setup.null_device = TRY(open_null_device("/dev/null"));
    TRY(write_sysctls(setup.config.krun.sysctl));
    TRY(prepare_limits(setup.config.process.rlimits));
    if (setup.config.process.oom_score_adj) TRY(set_oom_score_adj(*setup.config.process.oom_score_adj));
    return {};
}

Result<void> make_mounts(PayloadSetup& setup) {
    setup.root = TRY(open_rootfs(setup.config.krun.root));
    setup.readonly_later = TRY(mount_all(setup.root.borrow(), setup.config.mounts));
    return {};
}

Result<void> make_devices(PayloadSetup& setup) {
    if (!makes_devices(setup.config.mounts)) return {};
    return create_devices(setup.root.borrow(), setup.config.krun.devices);
}

Result<void> open_streams(PayloadSetup& setup) {
    auto const& process = setup.config.process;
    if (process.terminal) {
        auto terminal = TRY(open_terminal(setup.root.borrow(), process.user.uid, process.console_size));
        TRY(take_controlling_terminal(terminal.slave.borrow()));
        for (auto& stream : setup.streams) stream = TRY(duplicate(terminal.slave.borrow()));
        TRY(setup.init.send({StatusKind::kConsole, 0, {}, std::move(terminal.master)}));
    }
    return {};
}

Result<void> restrict_paths(PayloadSetup& setup) {
    auto const root = setup.root.borrow();
    TRY(make_mounts_readonly(setup.readonly_later));
    TRY(make_paths_readonly(root, setup.config.krun.readonly_paths));
    return mask_paths(root, setup.config.krun.masked_paths, setup.null_device.borrow());
}

// A missing working directory is created here, as root, before the root may become read-only.
Result<void> create_working_directory(PayloadSetup& setup) {
    auto const made =
        open_or_create_in_root(setup.root.borrow(), setup.config.process.cwd, NodeKind::kDirectory);
    // What is wrong with it, chdir() will say in the words that users know.
    ignore(made, "chdir reports it");
    return {};
}

Result<void> enter_root(PayloadSetup& setup) {
    setup.env =
        environment_with_home(setup.config.process.env, setup.root.borrow(), setup.config.process.user.uid);
    return pivot_into(setup.root.borrow(), setup.config.krun.readonly, setup.config.krun.propagation);
}

Result<void> parse_restrictions(PayloadSetup& setup) {
    setup.last_capability = last_capability();
    setup.capabilities = parse_capabilities(setup.config.process.capabilities, setup.last_capability);
    if (!setup.config.krun.seccomp.empty()) setup.seccomp = TRY(parse_seccomp(setup.config.krun.seccomp));
    auto const persona = setup.config.krun.personality;
    if (persona != 0 && ::personality(persona) < 0) return fail(Error::sys("set personality"));
    return {};
}

Result<void> set_limits(PayloadSetup& setup) {
    return apply_rlimits(setup.config.process.rlimits);
}

Result<void> drop_bounding_set(PayloadSetup& setup) {
    return limit_bounding(setup.capabilities, setup.last_capability);
}

Result<void> change_user(PayloadSetup& setup) {
    return become_user(setup.config.process.user);
}

bool installs_seccomp_as_admin(PayloadSetup const& setup) {
    return !setup.seccomp.empty() && !setup.config.process.no_new_privileges;
}

Result<void> change_capabilities(PayloadSetup& setup) {
    // Without no_new_privs a filter needs CAP_SYS_ADMIN (seccomp(2)), and it is installed last of all.
    uint64_t const until_seccomp = installs_seccomp_as_admin(setup) ? uint64_t{1} << CAP_SYS_ADMIN : 0;
    return set_capabilities(setup.capabilities, until_seccomp);
}

Result<void> forbid_new_privileges(PayloadSetup& setup) {
    if (setup.config.process.no_new_privileges && ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return fail(Error::sys("set no_new_privs"));
    return {};
}

// As root first and as the user if that fails: a file server may let either in where it refuses the other.
Result<void> try_working_directory(PayloadSetup& setup) {
    setup.in_working_directory = ::chdir(setup.config.process.cwd.c_str()) == 0;
    return {};
}

Result<void> enter_working_directory(PayloadSetup& setup) {
    auto const& cwd = setup.config.process.cwd;
    if (setup.in_working_directory || ::chdir(cwd.c_str()) == 0) return {};
    return fail(
        Error(Errc::kSystem, "chdir to cwd \"" + cwd + "\" set in config.json failed: " + errno_text(errno)));
}

constexpr SetupStep kSteps[] = {
    {"process", prepare_process},
    {"cgroup namespace", enter_cgroup_namespace},
    {"boot tree", use_boot_tree},
    {"mounts", make_mounts},
    {"devices", make_devices},
    {"streams", open_streams},
    {"missing working directory", create_working_directory},
    {"restricted paths", restrict_paths},
    {"root", enter_root},
    {"restrictions", parse_restrictions},
    {"working directory as root", try_working_directory},
    {"rlimits", set_limits},                // raising needs CAP_SYS_RESOURCE
    {"bounding set", drop_bounding_set},    // needs CAP_SETPCAP
    {"user", change_user},                  // loses the effective set
    {"capabilities", change_capabilities},  // ambient ones must be permitted and inheritable first
    {"no_new_privs", forbid_new_privileges},
    {"working directory as user", enter_working_directory},
};

void report_failure(StatusSocket const& init, uint32_t exit_code, std::string const& text) {
    ignore(init.send({StatusKind::kFailed, exit_code, text, {}}), "init sees the process end");
}

// After the streams, so that nothing of ours is said on the payload's.
void install_streams(PayloadSetup& setup) {
    for (int i = 0; i < 3; ++i) ::dup2(setup.streams[static_cast<size_t>(i)].borrow().raw(), i);
}

// Nothing but these few system calls happens under the filter.
Result<void> seal(PayloadSetup& setup) {
    if (setup.seccomp.empty()) return {};
    TRY(install_seccomp(setup.seccomp, setup.config.krun.seccomp_flags));
    if (installs_seccomp_as_admin(setup)) TRY(drop_to(setup.capabilities));
    return {};
}

Result<void> run_steps(PayloadSetup& setup) {
    for (auto const& step : kSteps) {
        log_step(step.name);
        TRY(step.run(setup));
    }
    return {};
}

// False if init has gone.
bool wait_for_go(StatusSocket const& init) {
    auto const message = init.receive();
    return message.ok() && message.value() && message.value()->kind == StatusKind::kGo;
}

}  // namespace

std::span<SetupStep const> setup_steps() {
    return kSteps;
}

void run_payload(PayloadSetup setup) {
    auto const leave = [&](uint32_t exit_code, std::string const& text) {
        report_failure(setup.init, exit_code, text);
        ::_exit(static_cast<int>(exit_code));
    };
    if (auto const done = run_steps(setup); !done.ok()) leave(kSetUpFailed, done.error().message());
    auto const& args = setup.config.process.args;
    auto const program = find_program(args[0], search_path(setup.env));
    if (!program.ok()) leave(program.error().exit_code, program.error().text);
    if (!setup.init.send({StatusKind::kReady, 0, {}, {}}).ok() || !wait_for_go(setup.init))
        ::_exit(kSetUpFailed);
    install_streams(setup);
    if (auto const sealed = seal(setup); !sealed.ok()) leave(kSetUpFailed, sealed.error().message());
    auto const failure = run_program(program.value(), args, setup.env);
    leave(failure.exit_code, failure.text);
    __builtin_unreachable();
}

}  // namespace krun::init
