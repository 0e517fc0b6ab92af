// SPDX-License-Identifier: Apache-2.0
#include "runtime/control/control_server.h"

#include <sys/socket.h>

#include <array>
#include <cerrno>

#include "base/bytes.h"
#include "base/fd.h"
#include "base/fd_passing.h"
#include "runtime/control/control_address.h"
#include "runtime/control/control_wire.h"

namespace krun::runtime {
namespace {

// Requests are answered in the order they come; more than this many at once is nobody's normal use.
constexpr int kBacklog = 128;

}  // namespace

Result<UniqueFd> bind_control_socket(BorrowedFd state_dir) {
    UniqueFd socket(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!socket.valid()) return fail(Error::sys("create the control socket"));
    auto const address = control_address(state_dir);
    if (::bind(socket.borrow().raw(), reinterpret_cast<sockaddr const*>(&address), sizeof address) < 0)
        return fail(Error::sys("bind the control socket"));
    if (::listen(socket.borrow().raw(), kBacklog) < 0)
        return fail(Error::sys("listen on the control socket"));
    return socket;
}

Result<std::unique_ptr<ControlServer>> ControlServer::make(EventLoop& loop, UniqueFd listener,
                                                           Handler handler) {
    // Again, because the peer credentials of a connection are those of the last caller of listen(): a forced
    // delete finds this process by them (control_peer.h), not the one that bound the socket.
    if (::listen(listener.borrow().raw(), kBacklog) < 0)
        return fail(Error::sys("listen on the control socket"));
    std::unique_ptr<ControlServer> server(new ControlServer(loop, std::move(listener), std::move(handler)));
    server->spare_ = TRY(make_eventfd());
    auto* const self = server.get();
    TRY(loop.add(self->listener_.borrow(), EPOLLIN, [self](uint32_t) { self->accept_one(); }));
    return server;
}

ControlServer::ControlServer(EventLoop& loop, UniqueFd listener, Handler handler)
    : loop_(loop), listener_(std::move(listener)), handler_(std::move(handler)) {}

ControlServer::~ControlServer() {
    loop_.remove(listener_.borrow());
    for (auto const& [fd, connection] : waiting_) loop_.remove(connection.borrow());
}

void ControlServer::accept_one() {
    UniqueFd connection(::accept4(listener_.borrow().raw(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (!connection.valid()) return turn_away(errno);
    int const fd = connection.borrow().raw();
    auto const added = loop_.add(connection.borrow(), EPOLLIN, [this, fd](uint32_t) { readable(fd); });
    if (added.ok()) waiting_.emplace(fd, std::move(connection));
}

// Otherwise the listener would be readable for ever.
void ControlServer::turn_away(int error) {
    if (error != EMFILE && error != ENFILE) return;
    spare_.reset();
    UniqueFd turned_away(::accept4(listener_.borrow().raw(), nullptr, nullptr, SOCK_CLOEXEC));
    turned_away.reset();
    if (auto spare = make_eventfd(); spare.ok()) spare_ = std::move(spare).value();
}

void ControlServer::readable(int fd) {
    auto const it = waiting_.find(fd);
    ControlConnection connection(std::move(it->second));
    waiting_.erase(it);
    loop_.remove(BorrowedFd(fd));

    std::array<std::byte, sizeof(ControlWireRequest) + kMaxControlText> buffer;
    auto message = receive_message(BorrowedFd(fd), buffer, MSG_DONTWAIT);
    if (!message.ok() && message.error().sys_errno() == EMFILE)
        return connection.reply(fail(std::move(message).error()));
    size_t const bytes = message.ok() ? message.value().bytes : 0;
    if (message.ok() && bytes == 0) return;  // it left without asking
    ByteReader reader{std::span<std::byte const>(buffer).first(bytes)};
    auto const request = reader.take<ControlWireRequest>();
    if (!request || request->version != kControlWireVersion)
        return connection.reply(
            fail(Error(Errc::kUnsupported, "the container was created by another version")));
    handler_({static_cast<ControlOp>(request->op), request->argument, std::move(message).value().fds,
              std::string(*reader.take_text(reader.left()))},
             std::move(connection));
}

void ControlConnection::reply(Result<void> const& result, std::string_view text) {
    auto const bytes = encode_result(result, text);
    ignore(::send(connection_.borrow().raw(), bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT),
           "a client that has gone away does not matter to the container");
    connection_.reset();
}

}  // namespace krun::runtime
