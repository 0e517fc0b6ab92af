// SPDX-License-Identifier: Apache-2.0
#include "runtime/vm_process.h"

#include <linux/sched.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>

#include "base/fd.h"
#include "base/scope_exit.h"
#include "runtime/cgroup.h"
#include "runtime/container_main.h"
#include "runtime/control_wire.h"
#include "runtime/host_handles.h"
#include "runtime/machine_for.h"
#include "runtime/process_identity.h"

namespace krun::runtime {
namespace {

// fork() whose child is born in `cgroup`: moving a process later takes a lock that stalls for milliseconds.
// The caller has one thread, so that a child without glibc's fork handlers is sound.
pid_t fork_into(BorrowedFd cgroup) {
    clone_args args{};
    args.flags = CLONE_INTO_CGROUP;
    args.exit_signal = SIGCHLD;
    args.cgroup = static_cast<uint64_t>(cgroup.raw());
    return static_cast<pid_t>(::syscall(SYS_clone3, &args, sizeof args));
}

// The new process's one message: ready, or why not.
Result<void> read_report(BorrowedFd report) {
    std::array<std::byte, kMaxWireResultBytes> buffer;
    ssize_t n = 0;
    do {
        n = ::recv(report.raw(), buffer.data(), buffer.size(), 0);
    } while (n < 0 && errno == EINTR);
    auto const message = std::span(buffer).first(n > 0 ? static_cast<size_t>(n) : 0);
    return decode_result(message, Error(Errc::kInternal, "the container process ended unexpectedly"));
}

uint32_t usable_cpus() {
    cpu_set_t set;
    if (::sched_getaffinity(0, sizeof set, &set) < 0) return 1;  // more CPUs than a cpu_set_t holds
    return static_cast<uint32_t>(std::max(1, CPU_COUNT(&set)));
}

void reap(pid_t pid) {
    ::kill(pid, SIGKILL);
    while (::waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
    }
}

struct Cgroup {
    std::string path;
    UniqueFd directory;
};

Result<Cgroup> prepare_cgroup(VmRequest const& request) {
    if (request.cgroup_manager == CgroupManager::kDisabled) return Cgroup{};
    if (request.cgroup_manager == CgroupManager::kSystemd)
        return fail(Error(Errc::kUnsupported, "the systemd cgroup driver is not supported yet"));
    auto path = TRY(cgroup_path_for(request.spec, request.id));
    if (path.empty()) return Cgroup{};
    auto directory = TRY(create_cgroup(path, request.spec));
    return Cgroup{std::move(path), std::move(directory)};
}

}  // namespace

Result<VmProcess> spawn_vm(VmRequest request) {
    auto plan = TRY(from_oci(request.spec));
    auto const size = TRY(machine_size(request.spec, usable_cpus()));
    auto host = TRY(open_host_handles(request, plan));
    auto cgroup = TRY(prepare_cgroup(request));
    ScopeExit remove_it([&] { ignore(remove_cgroup(cgroup.path), "an earlier error is being reported"); });
    auto [ours, childs] = TRY(make_socketpair(SOCK_SEQPACKET));

    pid_t const pid = cgroup.directory.valid() ? fork_into(cgroup.directory.borrow()) : ::fork();
    if (pid < 0) return fail(Error::sys("fork the container process"));
    if (pid == 0) {
        ours.reset();
        container_main({std::move(request), std::move(plan), size, std::move(host), std::move(childs)});
    }
    childs.reset();
    if (auto ready = read_report(ours.borrow()); !ready.ok()) {
        reap(pid);
        return fail(std::move(ready).error());
    }
    auto identity = identify(pid);
    if (!identity.ok()) {
        reap(pid);
        return fail(std::move(identity).error());
    }
    remove_it.dismiss();
    return VmProcess{pid, identity.value().start_time, std::move(cgroup.path)};
}

}  // namespace krun::runtime
