// SPDX-License-Identifier: Apache-2.0
// A unix socket with a name that listens.
#pragma once
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cstring>
#include <string>

#include "base/fd.h"

namespace krun::test {

inline sockaddr_un unix_address(std::string const& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    return address;
}

inline UniqueFd unix_listener(std::string const& path) {
    UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    auto const address = unix_address(path);
    EXPECT_EQ(::bind(socket.borrow().raw(), reinterpret_cast<sockaddr const*>(&address), sizeof address), 0);
    EXPECT_EQ(::listen(socket.borrow().raw(), 256), 0);
    return socket;
}

// Blocking, and invalid if nobody listens.
inline UniqueFd unix_client(std::string const& path) {
    UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    auto const address = unix_address(path);
    if (::connect(socket.borrow().raw(), reinterpret_cast<sockaddr const*>(&address), sizeof address) < 0)
        return {};
    return socket;
}

}  // namespace krun::test
