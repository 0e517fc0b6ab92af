// SPDX-License-Identifier: Apache-2.0
#include "runtime/process/socket_acceptor.h"

#include <sys/socket.h>

#include <cerrno>

#include "base/fd.h"
#include "base/log.h"

namespace krun::runtime {
namespace {

// The connection is lost, or was another's: the next one may be better.
bool is_passing(int error) {
    return error == EINTR || error == ECONNABORTED || error == EPROTO;
}

}  // namespace

Result<std::unique_ptr<SocketAcceptor>> SocketAcceptor::make(EventLoop& loop,
                                                             std::vector<PassedListener> listeners,
                                                             Connect connect) {
    for (auto const& listener : listeners) TRY(set_nonblocking(listener.socket.borrow(), true));
    return std::unique_ptr<SocketAcceptor>(
        new SocketAcceptor(loop, std::move(listeners), std::move(connect)));
}

SocketAcceptor::~SocketAcceptor() {
    pause();
    for (auto const& over : connections_) loop_.remove(over.borrow());
}

Result<void> SocketAcceptor::start() {
    return listen();
}

Result<void> SocketAcceptor::listen() {
    if (listening_) return {};
    listening_ = true;
    for (auto const& listener : listeners_)
        TRY(loop_.add(listener.socket.borrow(), EPOLLIN, [this, &listener](uint32_t) { accept(listener); }));
    return {};
}

void SocketAcceptor::pause() {
    if (!listening_) return;
    listening_ = false;
    for (auto const& listener : listeners_) loop_.remove(listener.socket.borrow());
}

// One a turn, so that nobody who connects without end keeps the loop.
void SocketAcceptor::accept(PassedListener const& listener) {
    UniqueFd socket(::accept4(listener.socket.borrow().raw(), nullptr, nullptr, SOCK_CLOEXEC));
    if (!socket.valid()) {
        if (errno == EAGAIN || is_passing(errno)) return;
        // Of descriptors or memory there is too little: what is over gives some back, and then it goes on.
        log(LogLevel::kWarning, Error::sys("accept for the payload").message());
        return pause();
    }
    auto const carried = carry(listener, std::move(socket));
    if (!carried.ok()) log(LogLevel::kWarning, "accept for the payload: " + carried.error().message());
    if (connections_.size() >= kMaxConnections) pause();
}

Result<void> SocketAcceptor::carry(PassedListener const& listener, UniqueFd socket) {
    auto over = TRY(connect_(next_++, listener.number, std::move(socket)));
    auto const at = connections_.insert(connections_.end(), std::move(over));
    auto watched = loop_.add(at->borrow(), EPOLLIN, [this, at](uint32_t) {
        loop_.remove(at->borrow());
        connections_.erase(at);
        ignore(listen(), "the connections that are there go on");
    });
    if (!watched.ok()) connections_.erase(at);
    return watched;
}

}  // namespace krun::runtime
