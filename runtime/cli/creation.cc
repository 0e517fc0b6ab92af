// SPDX-License-Identifier: Apache-2.0
#include "runtime/cli/creation.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <climits>
#include <cstdlib>
#include <ctime>

#include "base/fd.h"
#include "base/log.h"
#include "base/scope_exit.h"
#include "base/timestamp.h"
#include "oci/annotations.h"
#include "oci/load.h"
#include "runtime/cgroup/cgroup.h"
#include "runtime/cli/spec_warnings.h"
#include "runtime/host/process_notice.h"
#include "runtime/host/socket_client.h"
#include "runtime/process/notify_socket.h"
#include "runtime/process/vm_process.h"
#include "runtime/state/container_id.h"
#include "runtime/state/hooks.h"
#include "runtime/state/removal.h"
#include "runtime/state/state_json.h"
#include "runtime/state/store.h"

namespace krun::runtime {
namespace {

struct Bundle {
    std::string path;    // absolute, links resolved
    std::string config;  // the text of config.json
    oci::Spec spec;
};

Result<Bundle> open_bundle(std::string const& path) {
    std::string const wanted = path.empty() ? "." : path;
    auto const dir = TRY_WITH(open_path(wanted, O_RDONLY | O_DIRECTORY), "bundle");
    char resolved[PATH_MAX];
    if (::realpath(wanted.c_str(), resolved) == nullptr) return fail(Error::sys("resolve bundle " + wanted));
    auto config = TRY(oci::read_config(dir.borrow()));
    auto spec = TRY(oci::parse_config(config));
    return Bundle{resolved, std::move(config), std::move(spec)};
}

// A detached terminal needs somebody who takes it, and only a terminal can be taken.
Result<void> check_console(oci::Spec const& spec, CreateRequest const& request) {
    bool const terminal = spec.process && spec.process->terminal;
    bool const socket = !request.console_socket.empty();
    if (terminal && !socket && !request.console.valid())
        return fail(Error(Errc::kInvalidConfig, "process.terminal needs --console-socket"));
    if (socket && !terminal)
        return fail(Error(Errc::kInvalidConfig, "--console-socket is for a process.terminal"));
    return {};
}

timespec now() {
    timespec time{};
    ::clock_gettime(CLOCK_REALTIME, &time);
    return time;
}

std::string absolute_rootfs(Bundle const& bundle) {
    std::string const& path = bundle.spec.root.path;
    return path.starts_with('/') ? path : bundle.path + "/" + path;
}

Result<Record> make_record(Globals const& globals, CreateRequest const& request, Bundle const& bundle) {
    Record record;
    record.oci_version = bundle.spec.oci_version;
    record.id = request.id;
    record.bundle = bundle.path;
    record.rootfs = absolute_rootfs(bundle);
    record.created = rfc3339_nano(now());
    record.owner = ::geteuid() == 0 ? "root" : std::to_string(::geteuid());
    record.annotations = oci::without_secrets(bundle.spec.annotations);
    record.phase = name(Phase::kCreating);
    record.creator = TRY(identify(::getpid()));
    record.terminal = bundle.spec.process && bundle.spec.process->terminal;
    for (auto const& ns : bundle.spec.linux.namespaces)
        if (ns.type == "network") record.network_namespace = ns.path;
    // systemd says only afterwards where the cgroup is; it goes with the last process in it.
    if (globals.cgroup_manager == CgroupManager::kCgroupfs)
        record.cgroups = TRY(cgroup_for(bundle.spec, request.id))
    .directories();
    record.hooks.poststart = bundle.spec.hooks.poststart;
    record.hooks.poststop = bundle.spec.hooks.poststop;
    return record;
}

Result<VmProcess> spawn(Globals const& globals, CreateRequest& request, Bundle const& bundle,
                        StateDir const& dir) {
    VmRequest vm{.id = request.id,
                 .bundle = bundle.path,
                 .spec = bundle.spec,
                 .state_dir = dir.fd(),
                 .console_socket = UniqueFd(),
                 .cgroup_manager = globals.cgroup_manager,
                 // Moved: whoever waits for the other end of one sees no copy of ours.
                 .passed = std::move(request.passed),
                 .caller_stays = request.caller_stays};
    if (!request.console_socket.empty())
        vm.console_socket = TRY(connect_unix_stream("console socket", request.console_socket));
    else if (request.console.valid() && bundle.spec.process && bundle.spec.process->terminal)
        vm.console_socket = TRY(duplicate(request.console.borrow()));
    vm.notify = TRY(connect_notify_socket(bundle.spec));
    return spawn_vm(std::move(vm));
}

// The network may be set up by these hooks: through the namespaces of the process that the state names
// (runtime-spec config.md#prestart, #createruntime-hooks, #createcontainer-hooks).
Result<void> run_create_hooks(oci::Hooks const& hooks, Record const& record) {
    std::string const state = state_json(record, State::kCreated);
    TRY(run_hooks("prestart", hooks.prestart, state, record.bundle));
    TRY(run_hooks("createRuntime", hooks.create_runtime, state, record.bundle));
    // In the container's namespaces (config.md#createcontainer-hooks), but for the mount namespace: what is
    // mounted for the payload is in the guest, and the container process's own shows the rootfs alone.
    return run_hooks("createContainer", hooks.create_container, state, record.bundle, record.container.pid);
}

// The steps after the state directory exists; `record` follows them.
Result<void> bring_up(Globals const& globals, CreateRequest& request, Bundle const& bundle,
                      StateDir const& dir, Record& record, std::vector<UniqueFd>& vm_descriptors) {
    auto const notice = TRY(ProcessNotice::prepare(request.pid_file, request.pidfd_socket));
    auto vm = TRY(spawn(globals, request, bundle, dir));
    record.container = TRY(identify(vm.pid, vm.start_time));
    record.cgroups = vm.cgroup.directories();
    record.systemd_unit = vm.scope;
    record.vcpus = vm.size.vcpus;
    record.ram_mib = vm.size.ram_mib;
    vm_descriptors = std::move(vm.vm);
    TRY(run_create_hooks(bundle.spec.hooks, record));
    // What exec starts from: a config.json that is changed later changes nothing (runtime-spec
    // runtime.md#create).
    TRY(replace_file(dir.fd(), "config.json", bundle.config, 0600));
    record.phase = name(Phase::kCreated);
    record.creator = {};
    auto const lock = TRY(dir.lock());
    TRY(dir.save(record));
    return notice.give(vm.pid);
}

// Undoes bring_up. The container process is our child, so it is reaped here. Without one there is no cgroup
// of ours either: the one at that path, if any, is somebody else's.
void undo(Store const& store, StateDir const& dir, Record record) {
    if (record.container.pid <= 0) {
        record.cgroups.clear();
    } else {
        ::kill(record.container.pid, SIGKILL);
        ::waitpid(record.container.pid, nullptr, 0);
    }
    ignore(remove_container(store, dir, record), "the error that led here says more");
}

}  // namespace

Result<Container> create_container(Globals const& globals, CreateRequest request) {
    TRY(check_container_id(request.id));
    auto opened = open_bundle(request.bundle);
    if (!opened.ok()) return fail(std::move(opened).error());
    Bundle const& bundle = opened.value();
    for (auto const& line : spec_warnings(bundle.spec)) log(LogLevel::kWarning, line);
    TRY(check_console(bundle.spec, request));
    auto record = TRY(make_record(globals, request, bundle));
    auto const store = TRY(Store::open_or_create(globals.root));
    // From here on, a forced delete knows whom to stop and what to remove.
    auto dir = TRY(store.claim(record));
    ScopeExit cleanup([&] { undo(store, dir, record); });
    std::vector<UniqueFd> vm;
    TRY(bring_up(globals, request, bundle, dir, record, vm));
    cleanup.dismiss();
    return Container(std::move(dir), std::move(record), std::move(vm));
}

}  // namespace krun::runtime
