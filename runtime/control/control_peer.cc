// SPDX-License-Identifier: Apache-2.0
#include "runtime/control/control_peer.h"

#include <sys/syscall.h>
#include <unistd.h>

#include "runtime/control/control_address.h"

namespace krun::runtime {
namespace {

// Who called listen() on the socket; 0 if nobody listens any more.
pid_t listener(BorrowedFd state_dir) {
    UniqueFd const socket(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    auto const address = control_address(state_dir);
    if (::connect(socket.borrow().raw(), reinterpret_cast<sockaddr const*>(&address), sizeof address) < 0)
        return 0;
    ucred peer{};
    socklen_t len_bytes = sizeof peer;
    if (::getsockopt(socket.borrow().raw(), SOL_SOCKET, SO_PEERCRED, &peer, &len_bytes) < 0) return 0;
    return peer.pid;
}

}  // namespace

std::optional<ControlPeer> open_control_peer(BorrowedFd state_dir) {
    pid_t const pid = listener(state_dir);
    // Before the container process serves the socket, the listener is the create command, perhaps us.
    if (pid <= 0 || pid == ::getpid()) return std::nullopt;
    UniqueFd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
    // Still the listener after the pidfd was opened: so the number was not another process's in between.
    if (!pidfd.valid() || listener(state_dir) != pid) return std::nullopt;
    return ControlPeer{pid, std::move(pidfd)};
}

}  // namespace krun::runtime
