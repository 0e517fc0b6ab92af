// SPDX-License-Identifier: Apache-2.0
// Accepts the connections that the host opens: one for each stream of each process, and those that it has
// accepted for a listening socket of the payload's. Which one a connection is, its port on the host says
// (config-gen/control_protocol.h).
#pragma once
#include <sys/socket.h>

#include <cstdint>
#include <optional>

#include "base/error.h"
#include "base/unique_fd.h"

namespace krun::init {

// What a port of the host stands for.
struct StreamName {
    uint32_t process = 0;
    uint32_t stream = 0;
    bool accepted = false;  // for the listening socket that has this number, of the payload
    bool bound = false;     // `process` is the number of a connection to a socket of the host's
};
// nullopt for a port that stands for nothing.
std::optional<StreamName> stream_of_port(uint32_t port);

struct StreamConnection {
    StreamName name;
    UniqueFd fd;
};

class StreamListener {
public:
    // The port on the host of a peer that is the host; nullopt for any other peer. Replaced in tests, whose
    // connections are no vsock ones.
    using PortOfHost = std::optional<uint32_t> (*)(sockaddr_storage const& peer, socklen_t bytes);

    // `socket` listens and is non-blocking.
    StreamListener(UniqueFd socket, PortOfHost port_of_host)
        : socket_(std::move(socket)), port_of_host_(port_of_host) {}
    BorrowedFd fd() const { return socket_.borrow(); }

    // The next connection of the host's; others are closed. nullopt: none is waiting.
    Result<std::optional<StreamConnection>> accept();

private:
    UniqueFd socket_;
    PortOfHost port_of_host_;
};

}  // namespace krun::init
