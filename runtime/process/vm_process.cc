// SPDX-License-Identifier: Apache-2.0
#include "runtime/process/vm_process.h"

#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <optional>

#include "base/fd.h"
#include "base/log.h"
#include "base/scope_exit.h"
#include "base/sysctl_path.h"
#include "base/usable_cpus.h"
#include "oci/annotations.h"
#include "runtime/cgroup/cgroup_creation.h"
#include "runtime/cgroup/cgroup_removal.h"
#include "runtime/cgroup/fork_into.h"
#include "runtime/cgroup/systemd_scope.h"
#include "runtime/host/environment.h"
#include "runtime/host/inherited_fds.h"
#include "runtime/host/process_identity.h"
#include "runtime/host/rootless.h"
#include "runtime/isolation/joined_user_namespace.h"
#include "runtime/network/interface_sysctl.h"
#include "runtime/process/container_main.h"
#include "runtime/process/creation_report.h"
#include "runtime/process/host_handles.h"
#include "runtime/process/machine_for.h"
#include "runtime/process/sandbox_main.h"
#include "runtime/state/state_json.h"

namespace krun::runtime {
namespace {

void reap(pid_t pid) {
    ::kill(pid, SIGKILL);
    while (::waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
    }
}

struct NewCgroup {
    Cgroup cgroup{};
    CgroupEntry entry{};
    std::string unit{};               // of systemd, or empty
    std::optional<NewScope> scope{};  // until somebody is in it
};

Result<NewCgroup> prepare_scope(VmRequest const& request) {
    auto const name = TRY(scope_name(request.spec.linux.cgroups_path, request.id, is_rootless()));
    auto scope = TRY(NewScope::start(name, request.spec, request.id));
    auto entry = TRY(adopt_cgroup(scope.cgroup(), request.spec));
    auto cgroup = scope.cgroup();
    return NewCgroup{std::move(cgroup), std::move(entry), name.unit, std::move(scope)};
}

Result<NewCgroup> prepare_cgroup(VmRequest const& request) {
    if (request.cgroup_manager == CgroupManager::kDisabled) return NewCgroup{};
    if (request.cgroup_manager == CgroupManager::kSystemd) return prepare_scope(request);
    auto cgroup = TRY(cgroup_for(request.spec, request.id));
    auto entry = TRY(create_cgroup(cgroup, request.spec));
    return NewCgroup{.cgroup = std::move(cgroup), .entry = std::move(entry)};
}

// What startContainer hooks read: they are in the guest, where the payload's process is 1.
std::string state_for_hooks(VmRequest const& request) {
    Record record;
    record.oci_version = request.spec.oci_version;
    record.id = request.id;
    record.bundle = request.bundle;
    record.annotations = oci::without_secrets(request.spec.annotations);
    record.container.pid = 1;
    return state_json(record, State::kCreated);
}

void tell_of_passed_fds(guest::Process& process, PassedFds const& passed) {
    for (auto const& one : passed.fds) process.passed_fds.push_back(one.description);
    for (auto const& entry : passed.env) set_variable(process.env, entry);
}

// There are no interfaces before start, which sets these (network/setup.h).
void leave_out_interface_sysctls(guest::Krun& krun) {
    std::erase_if(krun.sysctl,
                  [](auto const& one) { return !interface_of_sysctl(sysctl_path(one.first)).empty(); });
}

void tell_of_notify_socket(KrunConfig& config, std::string const& path) {
    set_variable(config.process.env, "NOTIFY_SOCKET=" + path);
    config.krun.notify_socket = path;
}

// What the command has open for itself: the directory of all containers' states, for one. A process that has
// it by the fork alone must not keep it.
std::vector<int> commands_own(VmRequest const& request) {
    auto out = open_fds();
    auto const keep = [&](BorrowedFd fd) { std::erase(out, fd.raw()); };
    keep(log_sink());
    keep(request.console_socket.borrow());
    keep(request.notify.fd.borrow());
    for (auto const& passed : request.passed.fds) keep(passed.fd.borrow());
    return out;
}

[[noreturn]] void refuse(BorrowedFd report, Error error) {
    send_creation_report(report, fail(std::move(error)), {});
    ::_exit(255);
}

// Forks the process that `main` is, in its cgroup and without the descriptors `unwanted`, and returns when
// that reports to be ready.
template <class Main>
Result<VmProcess> spawn(NewCgroup home, MachineSize size, std::vector<int> const& unwanted, Main main) {
    ScopeExit remove_it([&] {
        auto const removed = home.unit.empty() ? remove_cgroup(home.cgroup) : end_scope_cgroup(home.cgroup);
        ignore(removed, "an earlier error is being reported");
    });
    auto [ours, childs] = TRY(make_socketpair(SOCK_SEQPACKET));
    pid_t const pid = fork_into(home.entry);
    if (pid < 0) return fail(Error::sys("fork the container process"));
    if (pid == 0) {
        ours.reset();
        for (int const fd : unwanted) ::close(fd);  // whose owners never run here: it ends by _exit
        auto entered = enter_rest(home.entry);
        if (!entered.ok()) refuse(childs.borrow(), std::move(entered).error());
        home.entry = {};
        main(std::move(childs));
        ::_exit(255);  // main does not return
    }
    home.scope.reset();
    childs.reset();
    auto vm = receive_creation_report(ours.borrow());
    if (!vm.ok()) {
        reap(pid);
        return fail(std::move(vm).error());
    }
    auto identity = identify(pid);
    if (!identity.ok()) {
        reap(pid);
        return fail(std::move(identity).error());
    }
    remove_it.dismiss();
    return VmProcess{pid,  identity.value().start_time, std::move(home.cgroup), std::move(home.unit),
                     size, std::move(vm).value()};
}

Result<VmProcess> spawn_sandbox(VmRequest const& request, std::vector<int> const& unwanted) {
    auto task = TRY(prepare_sandbox(request));
    auto home = TRY(prepare_cgroup(request));
    return spawn(std::move(home), {.vcpus = 0, .ram_mib = 0}, unwanted, [&](UniqueFd report) {
        task.report = std::move(report);
        sandbox_main(std::move(task));
    });
}

}  // namespace

Result<VmProcess> spawn_vm(VmRequest request) {
    auto const annotations = TRY(oci::read_annotations(request.spec.annotations));
    TRY(take_maps_of_joined_user_namespace(request.spec.linux));
    auto const unwanted = commands_own(request);
    if (annotations.sandbox) return spawn_sandbox(request, unwanted);
    auto plan = TRY(from_oci(request.spec));
    leave_out_interface_sysctls(plan.config.krun);
    plan.config.krun.debug = is_logged(LogLevel::kDebug);
    if (!plan.config.krun.start_container_hooks.empty()) plan.config.krun.state = state_for_hooks(request);
    tell_of_passed_fds(plan.config.process, request.passed);
    if (request.notify.fd.valid()) tell_of_notify_socket(plan.config, request.notify.in_guest);
    auto const size = TRY(machine_size(request.spec, usable_cpus()));
    auto host = TRY(open_host_handles(request, plan));
    auto home = TRY(prepare_cgroup(request));
    bool const has_cgroup = !home.cgroup.is_none();
    return spawn(std::move(home), size, unwanted, [&](UniqueFd report) {
        container_main(
            {std::move(request), std::move(plan), size, std::move(host), has_cgroup, std::move(report)});
    });
}

}  // namespace krun::runtime
