// SPDX-License-Identifier: Apache-2.0
#include "runtime/notify_socket.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <span>
#include <string_view>

#include "base/fd.h"
#include "base/fd_passing.h"
#include "base/strings.h"
#include "config-gen/control_protocol.h"

namespace krun::runtime {

Result<UniqueFd> connect_notify_socket() {
    char const* const value = ::getenv("NOTIFY_SOCKET");
    if (value == nullptr || *value == '\0') return UniqueFd();
    std::string_view const name(value);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    bool const known = name.front() == '/' || name.front() == '@';
    if (!known || name.size() >= sizeof address.sun_path)
        return fail(Error(Errc::kInvalidConfig, "NOTIFY_SOCKET " + quoted(std::string(name)) +
                                                    ": must be an absolute path or @NAME"));
    std::memcpy(address.sun_path, name.data(), name.size());
    if (name.front() == '@') address.sun_path[0] = '\0';
    auto const len_bytes = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size());
    UniqueFd socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    if (!socket.valid()) return fail(Error::sys("create a socket"));
    if (::connect(socket.borrow().raw(), reinterpret_cast<sockaddr const*>(&address), len_bytes) < 0)
        return fail(Error::sys("connect to NOTIFY_SOCKET " + quoted(std::string(name))));
    return socket;
}

Result<UniqueFd> send_barrier(BorrowedFd socket) {
    auto [processed, open_until_then] = TRY(make_pipe());
    BorrowedFd const fds[] = {open_until_then.borrow()};
    std::string_view const text(control::kBarrier);
    ignore(send_message(socket, std::as_bytes(std::span(text)), fds, MSG_DONTWAIT), "it hangs up");
    return std::move(processed);
}

}  // namespace krun::runtime
