// SPDX-License-Identifier: Apache-2.0
#include "runtime/container_main.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <memory>

#include "base/fd.h"
#include "base/strings.h"
#include "runtime/console_socket.h"
#include "runtime/container_process.h"
#include "runtime/container_root.h"
#include "runtime/control_wire.h"
#include "runtime/guest_streams.h"
#include "runtime/machine_for.h"
#include "runtime/privileges.h"
#include "vmm/reaper.h"

namespace krun::runtime {
namespace {

// Engines leak descriptors into the commands they run. Everything of ours is close-on-exec from birth, so
// what came through the exec of this program is recognised by not being so.
void close_inherited() {
    std::unique_ptr<DIR, int (*)(DIR*)> const list(::opendir("/proc/self/fd"), ::closedir);
    if (!list) return;
    while (dirent const* entry = ::readdir(list.get())) {
        auto const fd = parse_int64(entry->d_name);
        if (!fd || *fd < 3) continue;
        int const flags = ::fcntl(static_cast<int>(*fd), F_GETFD);
        if (flags >= 0 && (flags & FD_CLOEXEC) == 0) ::close(static_cast<int>(*fd));
    }
}

struct Stdio {
    GuestStreams streams;
    UniqueFd terminal;  // the host terminal's slave, or invalid
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

Result<Stdio> take_stdio(ContainerTask const& task) {
    auto const& process = task.request.spec.process;
    auto const dev_null = task.host.dev_null.borrow();
    if (process && process->terminal)
        return take_terminal(*process, task.request.console_socket.borrow(), dev_null);
    return Stdio {
        TRY(streams_of_stdio(dev_null))
        , UniqueFd()
    };
}

// Every exported tree becomes a mount of its own that no path leads to.
Result<void> detach_trees(HostHandles& host) {
    host.rootfs = TRY_WITH(detach_tree(host.rootfs.borrow(), true), "rootfs");
    for (auto& bind : host.binds)
        bind.source = TRY_WITH(detach_tree(bind.source.borrow(), bind.recursive), "bind");
    return {};
}

Result<std::unique_ptr<ContainerProcess>> set_up(ContainerTask& task) {
    ::setsid();
    ::prctl(PR_SET_NAME, "krun-oci");
    auto& host = task.host;
    auto stdio = TRY(take_stdio(task));
    close_inherited();
    TRY(detach_trees(host));
    auto const root = TRY(duplicate(host.rootfs.borrow()));
    TRY(enter_namespaces(host.namespaces));
    auto const log = std::make_shared<KernelLog>();
    auto kernel_file = TRY(duplicate(host.kernel.file.borrow()));
    auto machine = TRY(machine_for(task.plan, task.size, host, log));
    machine.vsock_ports = std::move(stdio.streams.ports);
    // From here on no path of the host can be named.
    TRY(enter_container_root(root.borrow()));
    TRY(drop_privileges());

    ContainerParts parts {
        .machine = std::move(machine), .kernel_log = log,
        .init_connection = std::move(stdio.streams.init_connection),
        .output = std::move(stdio.streams.output), .control_listener = std::move(host.control_listener),
        .report = TRY(duplicate(task.report.borrow()))
        , .state_dir = std::move(host.state_dir), .kernel_file = std::move(kernel_file),
          .terminal = std::move(stdio.terminal)
    };
    return ContainerProcess::make(std::move(parts));
}

// `_exit`, not exit: destructors would wait for what the kernel does faster, and the reaper process waits for
// the VM's end in our place.
[[noreturn]] void end(ContainerProcess const& process, uint32_t status) {
    vmm::leave_vm_teardown_to_a_reaper(process.vm_descriptors());
    ::_exit(static_cast<int>(status));
}

}  // namespace

void container_main(ContainerTask task) {
    auto process = set_up(task);
    if (!process.ok()) {
        auto const message = encode_result(fail(std::move(process).error()));
        ignore(::send(task.report.borrow().raw(), message.data(), message.size(), MSG_NOSIGNAL),
               "the creator has gone");
        ::_exit(255);
    }
    task.report.reset();
    uint32_t const status = process.value()->run();
    end(*process.value(), status);
}

}  // namespace krun::runtime
