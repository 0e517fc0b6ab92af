// SPDX-License-Identifier: Apache-2.0
#include "init/listening_socket.h"

#include <netinet/in.h>
#include <sys/un.h>

#include <cerrno>
#include <cstring>

namespace krun::init {
namespace {

template <class Name>
ListeningAddress address_of(Name const& name, socklen_t bytes) {
    ListeningAddress address;
    static_assert(sizeof name <= sizeof address.name);
    std::memcpy(&address.name, &name, sizeof name);
    address.bytes = bytes;
    return address;
}

// With its family alone, the kernel gives a unix socket an abstract name that nobody else has (unix(7)).
ListeningAddress unnamed_unix() {
    sockaddr_un name{};
    name.sun_family = AF_UNIX;
    return address_of(name, sizeof name.sun_family);
}

ListeningAddress loopback4(uint16_t port) {
    sockaddr_in name{};
    name.sin_family = AF_INET;
    name.sin_port = htons(port);
    name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address_of(name, sizeof name);
}

ListeningAddress loopback6(uint16_t port) {
    sockaddr_in6 name{};
    name.sin6_family = AF_INET6;
    name.sin6_port = htons(port);
    name.sin6_addr = in6addr_loopback;
    return address_of(name, sizeof name);
}

ListeningAddress wanted_address(guest::PassedFd const& passed) {
    auto const port = static_cast<uint16_t>(passed.port);
    if (passed.family == "inet") return loopback4(port);
    if (passed.family == "inet6") return loopback6(port);
    return unnamed_unix();
}

sockaddr* raw(ListeningAddress& address) {
    return reinterpret_cast<sockaddr*>(&address.name);
}

}  // namespace

Result<ListeningSocket> open_listening_socket(guest::PassedFd const& passed) {
    std::string const what = "listen for descriptor " + std::to_string(passed.fd);
    auto address = wanted_address(passed);
    UniqueFd fd(::socket(address.name.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (!fd.valid() || ::bind(fd.borrow().raw(), raw(address), address.bytes) < 0 ||
        ::listen(fd.borrow().raw(), SOMAXCONN) < 0)
        return fail(Error::sys(what));
    address.bytes = sizeof address.name;
    if (::getsockname(fd.borrow().raw(), raw(address), &address.bytes) < 0) return fail(Error::sys(what));
    return ListeningSocket{std::move(fd), address};
}

Result<UniqueFd> connect_to(ListeningAddress const& address) {
    UniqueFd fd(::socket(address.name.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!fd.valid()) return fail(Error::sys("open a socket"));
    auto target = address;
    if (::connect(fd.borrow().raw(), raw(target), target.bytes) < 0 && errno != EINPROGRESS)
        return fail(Error::sys("connect to the payload's socket"));
    return fd;
}

}  // namespace krun::init
