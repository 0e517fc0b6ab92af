// SPDX-License-Identifier: Apache-2.0
#include "runtime/process/container_main.h"

#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <memory>

#include "base/fd.h"
#include "fs/passthrough/passthrough.h"
#include "runtime/cgroup/cgroup_version.h"
#include "runtime/exec/console_socket.h"
#include "runtime/host/inherited_fds.h"
#include "runtime/host/oom_score.h"
#include "runtime/isolation/container_root.h"
#include "runtime/isolation/id_map.h"
#include "runtime/isolation/privileges.h"
#include "runtime/isolation/vm_seccomp.h"
#include "runtime/network/setup.h"
#include "runtime/process/container_process.h"
#include "runtime/process/creation_report.h"
#include "runtime/process/guest_streams.h"
#include "runtime/process/machine_for.h"
#include "runtime/process/outside_view.h"
#include "vmm/reaper.h"

namespace krun::runtime {
namespace {

struct Stdio {
    std::vector<GuestStream> streams{};
    UniqueFd terminal{};  // the host terminal's slave, or invalid
    std::vector<PassedListener> listeners{};
};

// The terminal becomes this session's controlling one, so that a change of its size arrives as SIGWINCH.
Result<Stdio> take_terminal(oci::Process const& process, BorrowedFd console_socket, BorrowedFd dev_null) {
    TerminalSize size;
    if (process.console_size) {
        size.rows = static_cast<uint16_t>(process.console_size->height);
        size.columns = static_cast<uint16_t>(process.console_size->width);
    }
    auto terminal = TRY(open_terminal(size));
    TRY(send_terminal(console_socket, terminal.master.borrow()));
    if (::ioctl(terminal.slave.borrow().raw(), TIOCSCTTY, 0) < 0)
        return fail(Error::sys("make the terminal the controlling one"));
    auto streams = TRY(streams_of_terminal(terminal.slave.borrow(), dev_null));
    return Stdio{std::move(streams), std::move(terminal.slave)};
}

Result<Stdio> take_standard(ContainerTask const& task) {
    auto const& process = task.request.spec.process;
    auto const dev_null = task.host.dev_null.borrow();
    if (process && process->terminal)
        return take_terminal(*process, task.request.console_socket.borrow(), dev_null);
    auto streams = TRY(streams_of_stdio(dev_null));
    return Stdio{std::move(streams), UniqueFd()};
}

Result<Stdio> take_stdio(ContainerTask& task) {
    auto stdio = TRY(take_standard(task));
    for (auto& [description, fd] : task.request.passed.fds) {
        if (description.access == "listen")
            stdio.listeners.push_back({description.fd, std::move(fd)});
        else
            stdio.streams.push_back(TRY(stream_of(description.fd, std::move(fd))));
    }
    return stdio;
}

// Every exported tree becomes a mount of its own that no path leads to.
Result<void> detach_trees(HostHandles& host) {
    host.rootfs = TRY_WITH(detach_tree(host.rootfs.borrow(), true), "rootfs");
    for (auto& bind : host.binds) {
        if (!bind.detached) bind.source = TRY_WITH(detach_tree(bind.source.borrow(), bind.recursive), "bind");
        if (bind.id_map.valid())
            TRY_WITH(map_ids(bind.source.borrow(), bind.id_map.borrow(), bind.recursive_ids), "bind");
    }
    return {};
}

// Names that config.json does not give are those of the UTS namespace that this process is in: a pod's
// containers share one, which its first container named (runtime-spec config-linux.md#namespaces).
Result<void> inherit_names(KrunConfig& config) {
    utsname names{};
    if (::uname(&names) < 0) return fail(Error::sys("read the host's name"));
    if (config.hostname.empty()) config.hostname = names.nodename;
    if (config.domainname.empty()) config.domainname = names.domainname;
    return {};
}

// The bind sources that are sockets: the file server has none of them.
std::vector<BoundSocket> take_sockets(HostHandles& host) {
    std::vector<BoundSocket> out;
    for (size_t i = 0; i < host.binds.size(); ++i)
        if (host.binds[i].socket) out.push_back({static_cast<uint32_t>(i), std::move(host.binds[i].source)});
    return out;
}

// What the host's kernel holds this process to; 0: to nothing.
uint64_t memory_limit_of(ContainerTask const& task) {
    auto const& resources = task.request.spec.linux.resources;
    if (!task.has_cgroup) return 0;
    int64_t const limit = resources && resources->memory ? resources->memory->limit.value_or(0) : 0;
    return limit > 0 ? static_cast<uint64_t>(limit) + kProcessOverheadBytes : 0;
}

Result<std::unique_ptr<ContainerProcess>> set_up(ContainerTask& task) {
    ::setsid();
    ::prctl(PR_SET_NAME, "krun-oci");
    auto& host = task.host;
    make_room_for_descriptors();
    use_one_heap();
    if (auto const& process = task.request.spec.process; process && process->oom_score_adj)
        TRY(set_oom_score_adj(*process->oom_score_adj));
    auto stdio = TRY(take_stdio(task));
    close_inherited_fds();
    auto view = TRY(OutsideView::prepare(task.plan, host));
    TRY(detach_trees(host));
    auto const creators_network = network_namespace_of("self");
    TRY(enter_namespaces(host.namespaces));
    TRY(inherit_names(task.plan.config));
    auto const log = std::make_shared<KernelLog>();
    std::shared_ptr<GuestInfo> info;
    if (task.plan.info) info = std::make_shared<GuestInfo>(task.request.spec, task.size, task.plan.config);
    auto machine = TRY(machine_for(task.plan, task.size, host, log, info));
    machine.network_slots = network_slots(creators_network, task.request.spec);
    auto const share = machine.shares.front().server;
    auto sockets = take_sockets(host);
    UniqueFd proc_self_fd;
    if (!sockets.empty()) proc_self_fd = TRY(fs::open_proc_self_fd());
    bool const connects = !sockets.empty();
    // From here on no path of the host can be named.
    TRY(enter_container_root(view.root()));
    TRY(view.mount_rest());
    TRY(drop_privileges());
    TRY(end_at_forbidden_calls(host.state_dir.borrow()));
    machine.confine_threads = true;

    auto report = TRY(duplicate(task.report.borrow()));
    ContainerParts parts{.machine = std::move(machine),
                         .kernel_log = log,
                         .info = info,
                         .share = share,
                         .sockets = std::move(sockets),
                         .proc_self_fd = std::move(proc_self_fd),
                         .streams = std::move(stdio.streams),
                         .listeners = std::move(stdio.listeners),
                         .control_listener = std::move(host.control_listener),
                         .report = std::move(report),
                         .state_dir = std::move(host.state_dir),
                         .terminal = std::move(stdio.terminal),
                         .memory_limit_bytes = memory_limit_of(task),
                         .notify = std::move(task.request.notify.fd)};
    auto process = TRY(ContainerProcess::make(std::move(parts)));
    TRY(confine_main_thread(connects));
    return process;
}

// `_exit`, not exit: destructors would wait for what the kernel does faster, and somebody else waits for the
// VM's end in our place.
[[noreturn]] void end(ContainerProcess const& process, uint32_t status, bool creator_stays) {
    if (!creator_stays) vmm::leave_vm_teardown_to_a_reaper(process.vm_descriptors());
    ::_exit(static_cast<int>(status));
}

}  // namespace

void container_main(ContainerTask task) {
    auto process = set_up(task);
    if (!process.ok()) {
        send_creation_report(task.report.borrow(), fail(std::move(process).error()), {});
        ::_exit(255);
    }
    task.report.reset();
    uint32_t const status = process.value()->run();
    end(*process.value(), status, task.request.caller_stays);
}

}  // namespace krun::runtime
