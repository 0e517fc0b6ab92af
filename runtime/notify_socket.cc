// SPDX-License-Identifier: Apache-2.0
#include "runtime/notify_socket.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <string_view>

#include "base/strings.h"

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

}  // namespace krun::runtime
