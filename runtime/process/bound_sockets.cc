// SPDX-License-Identifier: Apache-2.0
#include "runtime/process/bound_sockets.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "base/fd.h"

namespace krun::runtime {
namespace {

// connect(2) knows no descriptors of files, but follows the link that /proc has for each. By a name relative
// to that directory, as this process's own root has no /proc.
Result<UniqueFd> connect_by_link(BorrowedFd file) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::snprintf(address.sun_path, sizeof address.sun_path, "%d", file.raw());
    UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!socket.valid()) return fail(Error::sys("open a socket"));
    if (::connect(socket.borrow().raw(), reinterpret_cast<sockaddr const*>(&address), sizeof address) < 0)
        return fail(Error::sys("connect to a socket of the host's"));
    return socket;
}

}  // namespace

Result<std::unique_ptr<BoundSockets>> BoundSockets::make(EventLoop& loop, std::vector<BoundSocket> sockets,
                                                         UniqueFd proc_self_fd, Carry carry) {
    auto here = TRY(open_path(".", O_PATH | O_DIRECTORY));
    return std::unique_ptr<BoundSockets>(new BoundSockets(loop, std::move(sockets), std::move(proc_self_fd),
                                                          std::move(here), std::move(carry)));
}

BoundSockets::~BoundSockets() {
    for (auto const& over : connections_) loop_.remove(over.borrow());
}

Result<void> BoundSockets::connect(uint32_t connection, uint32_t number) {
    auto const found = std::find_if(sockets_.begin(), sockets_.end(),
                                    [number](BoundSocket const& one) { return one.number == number; });
    if (found == sockets_.end()) return fail(Error(Errc::kGuestFault, "there is no such socket"));
    if (connections_.size() >= kMaxConnections) return fail(Error(Errc::kGuestFault, "too many connections"));
    if (::fchdir(proc_self_fd_.borrow().raw()) < 0) return fail(Error::sys("find a socket of the host's"));
    auto socket = connect_by_link(found->file.borrow());
    if (::fchdir(here_.borrow().raw()) < 0) return fail(Error::sys("return to the container's root"));
    if (!socket.ok()) return fail(std::move(socket).error());
    auto over = TRY(carry_(connection, std::move(socket).value()));
    auto const at = connections_.insert(connections_.end(), std::move(over));
    return loop_.add(at->borrow(), EPOLLIN, [this, at](uint32_t) {
        loop_.remove(at->borrow());
        connections_.erase(at);
    });
}

}  // namespace krun::runtime
