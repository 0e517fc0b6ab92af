// SPDX-License-Identifier: Apache-2.0
#include "init/process_setup.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <signal.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>

#include "base/fd.h"
#include "init/descriptors.h"
#include "init/exec.h"
#include "init/identity.h"
#include "init/log.h"
#include "init/passwd.h"
#include "init/scheduling.h"
#include "init/terminal.h"

namespace krun::init {
namespace {

constexpr uint32_t kSetUpFailed = 125;

bool installs_seccomp_as_admin(ProcessSetup const& setup) {
    return !setup.seccomp.empty() && !setup.process.no_new_privileges;
}

// From here on the process holds nothing of init's.
Result<void> keep_own_descriptors(ProcessSetup& setup) {
    setup.init = StatusSocket(TRY(move_above_streams(std::move(setup.init).release())));
    std::vector<int> kept = {setup.init.fd().raw()};
    for (auto& end : setup.ends) {
        end.fd = TRY(move_above_streams(std::move(end.fd)));
        kept.push_back(end.fd.borrow().raw());
    }
    auto& joining = setup.joining;
    for (auto* const fd : {&joining.payload, &joining.cgroup, &joining.cgroup_procs}) {
        if (!fd->valid()) continue;
        *fd = TRY(move_above_streams(std::move(*fd)));
        kept.push_back(fd->borrow().raw());
    }
    close_all_but(std::move(kept));
    return {};
}

// After all else, so that nothing of ours is said on the payload's streams.
void install_standard_streams(ProcessSetup& setup) {
    for (auto const& end : setup.ends)
        if (end.number <= STDERR_FILENO) ::dup2(end.fd.borrow().raw(), static_cast<int>(end.number));
}

// Nothing but these few system calls happens under the filter.
Result<void> seal(ProcessSetup& setup) {
    if (setup.seccomp.empty()) return {};
    TRY(install_seccomp(setup.seccomp, setup.seccomp_flags));
    if (installs_seccomp_as_admin(setup)) TRY(drop_to(setup.capabilities));
    return {};
}

Result<void> run_steps(ProcessSetup& setup, std::span<SetupStep const> steps) {
    TRY(keep_own_descriptors(setup));
    for (auto const& step : steps) {
        log_step(step.name);
        TRY(step.run(setup));
    }
    return {};
}

// getcwd(2) calls a directory that the root does not reach "(unreachable)/…".
bool is_in_root() {
    std::array<char, PATH_MAX> path{};
    return ::syscall(SYS_getcwd, path.data(), path.size()) > 0 && path[0] == '/';
}

[[noreturn]] void leave(StatusSocket const& init, uint32_t exit_code, std::string const& text) {
    ignore(init.send({StatusKind::kFailed, exit_code, text, {}}), "init sees the process end");
    ::_exit(static_cast<int>(exit_code));
}

}  // namespace

Result<void> prepare_process(ProcessSetup&) {
    ::umask(0);  // modes are exactly those that are asked for
    sigset_t none;
    ::sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    ::signal(SIGPIPE, SIG_DFL);  // ignored in init, and execve would keep that
    restore_descriptor_limit();
    return {};
}

Result<void> start_session(ProcessSetup&) {
    if (::setsid() < 0) return fail(Error::sys("start a session"));
    return {};
}

Result<void> prepare_accounting(ProcessSetup& setup) {
    TRY(prepare_limits(setup.process.rlimits));
    if (setup.process.oom_score_adj) TRY(set_oom_score_adj(*setup.process.oom_score_adj));
    return {};
}

Result<void> find_user(ProcessSetup& setup) {
    setup.user = TRY(resolve_user(setup.process.user, setup.root.borrow()));
    setup.owner = setup.user;
    setup.owner.uid = guest::machine_id(setup.krun.uid_mappings, setup.user.uid);
    setup.owner.gid = guest::machine_id(setup.krun.gid_mappings, setup.user.gid);
    setup.env = environment_with_home(setup.process.env, setup.root.borrow(), setup.user.uid);
    return {};
}

Result<void> open_streams(ProcessSetup& setup) {
    auto const& owner = setup.owner;
    // Opening /dev/stdout again checks the pipe's owner (proc(5), /proc/PID/fd).
    for (auto const& end : setup.ends)
        if (::fchown(end.fd.borrow().raw(), owner.uid, owner.gid) < 0)
            return fail(Error::sys("set the owner of a stream"));
    if (!setup.process.terminal) return {};
    auto terminal = TRY(open_terminal(setup.root.borrow(), owner.uid, setup.process.console_size));
    TRY(take_controlling_terminal(terminal.slave.borrow()));
    for (int const number : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
        auto slave = TRY(duplicate(terminal.slave.borrow()));
        auto end = TRY(move_above_streams(std::move(slave)));
        setup.ends.push_back({static_cast<uint32_t>(number), std::move(end)});
    }
    return setup.init.send({StatusKind::kConsole, 0, {}, std::move(terminal.master)});
}

Result<void> parse_restrictions(ProcessSetup& setup) {
    setup.last_capability = last_capability();
    setup.capabilities = parse_capabilities(setup.process.capabilities, setup.last_capability);
    if (!setup.seccomp_program.empty()) setup.seccomp = TRY(parse_seccomp(setup.seccomp_program));
    if (setup.personality != 0 && ::personality(setup.personality) < 0)
        return fail(Error::sys("set personality"));
    return {};
}

// As root first and as the user if that fails: a file server may let either in where it refuses the other.
Result<void> try_working_directory(ProcessSetup& setup) {
    setup.in_working_directory = ::chdir(setup.process.cwd.c_str()) == 0;
    return {};
}

// Before the limits, which may forbid these numbers, and when the steps need no descriptor of theirs any
// more: the numbers may be in use.
Result<void> install_passed_descriptors(ProcessSetup& setup) {
    for (auto const& end : setup.ends) {
        if (end.number <= STDERR_FILENO) continue;
        if (::dup2(end.fd.borrow().raw(), static_cast<int>(end.number)) < 0)
            return fail(Error::sys("pass descriptor " + std::to_string(end.number)));
    }
    return {};
}

Result<void> set_scheduling(ProcessSetup& setup) {
    if (setup.process.scheduler) TRY(set_scheduler(*setup.process.scheduler));
    if (setup.process.io_priority) TRY(set_io_priority(*setup.process.io_priority));
    return {};
}

Result<void> set_limits(ProcessSetup& setup) {
    return apply_rlimits(setup.process.rlimits);
}

Result<void> drop_bounding_set(ProcessSetup& setup) {
    return limit_bounding(setup.capabilities, setup.last_capability);
}

Result<void> change_user(ProcessSetup& setup) {
    return become_user(setup.user);
}

Result<void> change_capabilities(ProcessSetup& setup) {
    // Without no_new_privs a filter needs CAP_SYS_ADMIN (seccomp(2)), and it is installed last of all.
    uint64_t const until_seccomp = installs_seccomp_as_admin(setup) ? uint64_t{1} << CAP_SYS_ADMIN : 0;
    return set_capabilities(setup.capabilities, until_seccomp);
}

Result<void> forbid_new_privileges(ProcessSetup& setup) {
    if (setup.process.no_new_privileges && ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return fail(Error::sys("set no_new_privs"));
    return {};
}

Result<void> enter_working_directory(ProcessSetup& setup) {
    auto const& cwd = setup.process.cwd;
    if (!setup.in_working_directory && ::chdir(cwd.c_str()) < 0)
        return fail(Error(Errc::kSystem,
                          "chdir to cwd \"" + cwd + "\" set in config.json failed: " + errno_text(errno)));
    // By way of /proc/self/fd a path can lead to what is open here and lies in the boot tree.
    if (!is_in_root())
        return fail(Error(Errc::kSystem, "cwd \"" + cwd + "\" set in config.json is not in the root"));
    return {};
}

void run_process(ProcessSetup setup, std::span<SetupStep const> steps, BeforeExec before_exec) {
    auto const& init = setup.init;
    if (auto const done = run_steps(setup, steps); !done.ok())
        leave(init, kSetUpFailed, done.error().message());
    auto const& args = setup.process.args;
    log_step("program");
    auto const program = find_program(args[0], search_path(setup.env));
    if (!program.ok()) leave(init, program.error().exit_code, program.error().text);
    if (!init.send({StatusKind::kReady, 0, {}, {}}).ok()) ::_exit(kSetUpFailed);
    log_step("wait for start");
    if (auto const go = before_exec(setup); !go.ok()) leave(init, kSetUpFailed, go.error().message());
    log_step("execute");
    install_standard_streams(setup);
    if (auto const sealed = seal(setup); !sealed.ok()) leave(init, kSetUpFailed, sealed.error().message());
    auto const failure = run_program(program.value(), args, setup.env);
    leave(init, failure.exit_code, failure.text);
}

}  // namespace krun::init
