// SPDX-License-Identifier: Apache-2.0
// Unix sockets of the host's that are bind mounts of the container. Each has a listening socket in its place;
// who connects to it gets, through the host, a connection to the host's own. One thread, its event loop's.
#pragma once
#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <memory>

#include "base/error.h"
#include "base/event_loop.h"
#include "base/unique_fd.h"
#include "init/relay.h"

namespace krun::init {

class BoundSockets {
public:
    // As many connections at once: the rest waits in the sockets' own queues.
    static constexpr size_t kMaxConnections = 128;
    // Asks the host to open connection `connection` to its socket `number`.
    using Ask = std::function<void(uint32_t connection, uint32_t number)>;

    // `loop` outlives it.
    BoundSockets(EventLoop& loop, Ask ask) : loop_(loop), ask_(std::move(ask)) {}
    ~BoundSockets();
    BoundSockets(BoundSockets const&) = delete;
    BoundSockets& operator=(BoundSockets const&) = delete;

    Result<void> add(uint32_t number, UniqueFd listener);
    // The host's answers: its end of the connection, or that there is none. Others are ignored.
    void opened(uint32_t connection, UniqueFd host);
    void refused(uint32_t connection);
    // Something that was sent to the host's sockets has not been passed on.
    bool owes() const;

private:
    struct Listener {
        uint32_t number;
        UniqueFd socket;
    };
    struct Pair {
        std::unique_ptr<Relay> in, out;
    };
    void accept(Listener const& listener);
    void listen(bool wanted);
    Result<void> carry(UniqueFd local, UniqueFd host);

    EventLoop& loop_;
    Ask ask_;
    std::list<Listener> listeners_;
    std::map<uint32_t, UniqueFd> waiting_;  // for the host, by the number of the connection
    std::list<Pair> pairs_;
    uint32_t next_ = 0;
    bool listening_ = true;
};

}  // namespace krun::init
