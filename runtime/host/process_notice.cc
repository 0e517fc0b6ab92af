// SPDX-License-Identifier: Apache-2.0
#include "runtime/host/process_notice.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <string_view>

#include "base/fd_passing.h"
#include "runtime/host/pid_file.h"
#include "runtime/host/socket_client.h"

namespace krun::runtime {
namespace {

// As runc does: one descriptor, and its name as the bytes that must go with it (unix(7)).
Result<void> send_pidfd(BorrowedFd socket, pid_t pid) {
    UniqueFd const pidfd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
    if (!pidfd.valid()) return fail(Error::sys("open a pidfd"));
    BorrowedFd const fds[] = {pidfd.borrow()};
    return send_message(socket, std::as_bytes(std::span(std::string_view("pidfd"))), fds);
}

}  // namespace

Result<ProcessNotice> ProcessNotice::prepare(std::string pid_file, std::string const& pidfd_socket) {
    UniqueFd socket;
    if (!pidfd_socket.empty()) socket = TRY(connect_unix_stream("pidfd socket", pidfd_socket));
    return ProcessNotice(std::move(pid_file), std::move(socket));
}

Result<void> ProcessNotice::give(pid_t pid) const {
    if (socket_.valid()) TRY_WITH(send_pidfd(socket_.borrow(), pid), "pidfd socket");
    if (!pid_file_.empty()) TRY(write_pid_file(pid_file_, pid));
    return {};
}

}  // namespace krun::runtime
