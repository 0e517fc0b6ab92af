// SPDX-License-Identifier: Apache-2.0
#include "runtime/host/socket_client.h"

#include <fcntl.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>

#include "base/fd.h"

namespace krun::runtime {

Result<void> connect_unix(BorrowedFd socket, sockaddr_un const& address, std::string const& to) {
    while (::connect(socket.raw(), reinterpret_cast<sockaddr const*>(&address), sizeof address) < 0)
        if (errno != EINTR) return fail(Error::sys("connect to " + to));
    return {};
}

Result<UniqueFd> connect_unix_stream(std::string_view what, std::string const& path) {
    std::string const doing = std::string(what) + " " + path;
    // Through a descriptor of the file, because sun_path has 108 bytes and engines' paths more.
    auto const file = TRY_WITH(open_path(path, O_PATH), doing);
    std::string const short_path = "/proc/self/fd/" + std::to_string(file.borrow().raw());
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, short_path.c_str(), short_path.size() + 1);
    UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (!socket.valid()) return fail(Error::sys("create a socket"));
    TRY(connect_unix(socket.borrow(), address, doing));
    return socket;
}

}  // namespace krun::runtime
