// SPDX-License-Identifier: Apache-2.0
// What DHCP is spoken through: whole IPv4 packets to everybody on an interface's link, so that it works
// before the interface has an address, and whatever the payload has bound.
#pragma once
#include <optional>
#include <span>

#include "base/error.h"
#include "base/unique_fd.h"
#include "init/dhcp_message.h"

namespace krun::init {

class DhcpSocket {
public:
    static Result<DhcpSocket> open(int interface);

    BorrowedFd fd() const { return socket_.borrow(); }
    // A question may be lost on its way, and so it may here.
    void send(std::span<std::byte const> question) const;
    // The next packet, if it is an answer to `client`; never waits.
    std::optional<DhcpReply> receive(DhcpClient const& client) const;

private:
    DhcpSocket(UniqueFd socket, int interface) : socket_(std::move(socket)), interface_(interface) {}

    UniqueFd socket_;
    int interface_;
};

}  // namespace krun::init
