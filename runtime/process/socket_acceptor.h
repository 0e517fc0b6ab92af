// SPDX-License-Identifier: Apache-2.0
// Accepts for the payload: each connection to a listening socket that was passed on becomes one to the socket
// that the payload has in its place (init/listening_socket.h). One thread, its event loop's.
#pragma once
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <vector>

#include "base/error.h"
#include "base/event_loop.h"
#include "base/unique_fd.h"

namespace krun::runtime {

struct PassedListener {
    uint32_t number = 0;  // the payload's
    UniqueFd socket;
};

class SocketAcceptor {
public:
    // As many at once: the rest waits in the socket's own queue. With the streams of executed processes
    // (ExecSessions::kMaxStreams) and the payload's own they are what the vsock device carries.
    static constexpr size_t kMaxConnections = 224;

    // Opens connection `connection` for listener `number` in the guest; the result reads end-of-file when it
    // is over. Owns `socket` from then on.
    using Connect = std::function<Result<UniqueFd>(uint32_t connection, uint32_t number, UniqueFd socket)>;

    // Nothing is accepted before start(). The sockets become non-blocking, for all who share them: what has
    // woken us, another may have accepted. REQUIRES: `loop` outlives it.
    static Result<std::unique_ptr<SocketAcceptor>> make(EventLoop& loop,
                                                        std::vector<PassedListener> listeners,
                                                        Connect connect);
    ~SocketAcceptor();
    SocketAcceptor(SocketAcceptor const&) = delete;
    SocketAcceptor& operator=(SocketAcceptor const&) = delete;

    Result<void> start();

private:
    SocketAcceptor(EventLoop& loop, std::vector<PassedListener> listeners, Connect connect)
        : loop_(loop), listeners_(std::move(listeners)), connect_(std::move(connect)) {}
    void accept(PassedListener const& listener);
    Result<void> carry(PassedListener const& listener, UniqueFd socket);
    Result<void> listen();
    void pause();

    EventLoop& loop_;
    std::vector<PassedListener> listeners_;
    Connect connect_;
    uint32_t next_ = 0;
    std::list<UniqueFd> connections_;  // each reads end-of-file when it is over
    bool listening_ = false;
};

}  // namespace krun::runtime
