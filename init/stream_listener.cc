// SPDX-License-Identifier: Apache-2.0
#include "init/stream_listener.h"

#include <cerrno>

#include "config-gen/control_protocol.h"
#include "init/log.h"

namespace krun::init {

std::optional<StreamName> stream_of_port(uint32_t port) {
    bool const bound = port >= control::kFirstBoundPort;
    bool const accepted = port >= control::kFirstAcceptedPort && !bound;
    uint32_t const first = bound      ? control::kFirstBoundPort
                           : accepted ? control::kFirstAcceptedPort
                                      : control::kFirstStreamPort;
    if (port < first) return std::nullopt;
    uint32_t const number = port - first;
    uint32_t const group = number / control::kMaxStreams;
    if (group >= control::kMaxProcesses) return std::nullopt;
    return StreamName{accepted ? 0 : group, number % control::kMaxStreams, accepted, bound};
}

Result<std::optional<StreamConnection>> StreamListener::accept() {
    while (true) {
        sockaddr_storage peer{};
        socklen_t bytes = sizeof peer;
        UniqueFd fd(::accept4(socket_.borrow().raw(), reinterpret_cast<sockaddr*>(&peer), &bytes,
                              SOCK_CLOEXEC | SOCK_NONBLOCK));
        if (!fd.valid()) {
            if (errno == EAGAIN) return std::optional<StreamConnection>();
            // The peer has gone while it was in the queue.
            if (errno == EINTR || errno == ECONNABORTED || errno == ECONNRESET) continue;
            return fail(Error::sys("accept a stream"));
        }
        auto const port = port_of_host_(peer, bytes);
        auto const name = port ? stream_of_port(*port) : std::nullopt;
        if (name) return std::optional(StreamConnection{*name, std::move(fd)});
        log_error("refused a connection that is no stream of the host's");
    }
}

}  // namespace krun::init
