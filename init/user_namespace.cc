// SPDX-License-Identifier: Apache-2.0
#include "init/user_namespace.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/fsuid.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/fd.h"
#include "init/capabilities.h"

namespace krun::init {
namespace {

std::string map_text(std::vector<guest::IdMapping> const& mappings) {
    std::string text;
    for (auto const& [inside, outside, size] : mappings)
        text += std::to_string(inside) + " " + std::to_string(outside) + " " + std::to_string(size) + "\n";
    return text;
}

Result<void> write_in(BorrowedFd dir, std::string const& name, std::string const& text) {
    auto const file = TRY(open_at(dir, name, O_WRONLY));
    TRY_WITH(write_full(file.borrow(), text), name);
    return {};
}

// A process in a new user namespace may map no ids but its own: this is for one that stayed outside.
Result<void> write_maps(guest::Krun const& krun, BorrowedFd boot_proc, BorrowedFd process) {
    TRY(write_in(process, "uid_map", map_text(krun.uid_mappings)));
    TRY(write_in(process, "gid_map", map_text(krun.gid_mappings)));
    // This process took number 2, where programs expect PID 1's first child.
    return write_in(boot_proc, "sys/kernel/ns_last_pid", "1");
}

int namespaces_to_copy(guest::Krun const& krun) {
    int flags = CLONE_NEWUSER | CLONE_NEWNS;
    auto const listed = [&](char const* name) {
        return std::find(krun.namespaces.begin(), krun.namespaces.end(), name) != krun.namespaces.end();
    };
    if (listed("uts")) flags |= CLONE_NEWUTS;
    if (listed("cgroup")) flags |= CLONE_NEWCGROUP;
    return flags;
}

// Waits for the end of `gate`, writes the maps and ends with 0 or an errno.
[[noreturn]] void serve_as_writer(guest::Krun const& krun, BorrowedFd boot_proc, BorrowedFd process,
                                  BorrowedFd gate) {
    char byte = 0;
    ignore(read_full(gate, std::as_writable_bytes(std::span(&byte, 1))), "the end of file is the signal");
    auto const written = write_maps(krun, boot_proc, process);
    ::_exit(written.ok() ? 0 : std::clamp(written.error().sys_errno(), 1, 255));
}

Result<void> wait_for_writer(pid_t writer) {
    int status = 0;
    while (::waitpid(writer, &status, 0) < 0)
        if (errno != EINTR) return fail(Error::sys("wait for the id maps"));
    if (status == 0) return {};
    return fail(Error(Errc::kSystem, "write the id maps", WIFEXITED(status) ? WEXITSTATUS(status) : EINTR));
}

}  // namespace

Result<void> act_as_container_root(guest::Krun const& krun) {
    if (krun.uid_mappings.empty()) return {};
    ::setfsgid(guest::machine_id(krun.gid_mappings, 0));
    ::setfsuid(guest::machine_id(krun.uid_mappings, 0));
    // Which took the capabilities that concern files out of the effective set (capabilities(7)).
    return use_permitted_capabilities();
}

Result<UniqueFd> open_boot_proc() {
    return open_path("/proc", O_PATH | O_DIRECTORY);
}

Result<void> enter_user_namespace(guest::Krun const& krun, BorrowedFd boot_proc) {
    if (krun.uid_mappings.empty()) return {};
    auto const process = TRY(open_at(boot_proc, "self", O_PATH | O_DIRECTORY));
    auto [gate, opener] = TRY(make_pipe());
    pid_t const writer = ::fork();
    if (writer < 0) return fail(Error::sys("create a process for the id maps"));
    if (writer == 0) {
        opener.reset();
        serve_as_writer(krun, boot_proc, process.borrow(), gate.borrow());
    }
    bool const entered = ::unshare(namespaces_to_copy(krun)) == 0;
    auto error = Error::sys("create a user namespace");
    opener.reset();
    auto written = wait_for_writer(writer);
    if (!entered) return fail(std::move(error));
    return written;
}

}  // namespace krun::init
