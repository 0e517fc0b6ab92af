// SPDX-License-Identifier: Apache-2.0
// A process's own listening socket, in the place of one of the host's (sd_listen_fds(3)): what the host
// accepts is connected to it, so that the process accepts as it would on a host.
#pragma once
#include <sys/socket.h>

#include "base/error.h"
#include "base/unique_fd.h"
#include "config-gen/krun_config.h"

namespace krun::init {

struct ListeningAddress {
    sockaddr_storage name{};
    socklen_t bytes = 0;
};

struct ListeningSocket {
    UniqueFd fd;  // the process's; blocking, as it would inherit it
    ListeningAddress address;
};

// A socket of passed.family; "inet" and "inet6" listen on the loopback interface, at passed.port. An error
// when the port is taken.
Result<ListeningSocket> open_listening_socket(guest::PassedFd const& passed);

// A new connection to whoever listens there, non-blocking; it may still be under way. An error when nobody
// does, or when that one has as many waiting as it lets wait.
Result<UniqueFd> connect_to(ListeningAddress const& address);

}  // namespace krun::init
