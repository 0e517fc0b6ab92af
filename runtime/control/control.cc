// SPDX-License-Identifier: Apache-2.0
#include "runtime/control/control.h"

#include <sys/socket.h>
#include <sys/time.h>

#include <array>
#include <cerrno>

#include "base/bytes.h"
#include "base/fd_passing.h"
#include "runtime/control/control_address.h"
#include "runtime/control/control_wire.h"
#include "runtime/host/socket_client.h"

namespace krun::runtime {
namespace {

// The words that engines look for when the process has ended (cli-contract 1.9).
Error not_running(Where where = Where::current()) {
    return Error(Errc::kNotFound, "container not running", 0, where);
}

// A container process that somebody has stopped (SIGSTOP) answers nothing.
Result<void> bound_wait(BorrowedFd socket) {
    timeval const limit{.tv_sec = 10, .tv_usec = 0};
    if (::setsockopt(socket.raw(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit) < 0)
        return fail(Error::sys("bound the wait for an answer"));
    return {};
}

}  // namespace

Result<UniqueFd> connect_control(BorrowedFd state_dir) {
    UniqueFd socket(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
    if (!socket.valid()) return fail(Error::sys("create a control socket"));
    auto const address = control_address(state_dir);
    auto connected = connect_unix(socket.borrow(), address, "the container process");
    if (connected.ok()) return socket;
    int const error = connected.error().sys_errno();
    if (error == ENOENT || error == ECONNREFUSED) return fail(not_running());
    return fail(std::move(connected).error());
}

Result<void> send_request(BorrowedFd connection, ControlOp op, uint32_t argument,
                          std::span<BorrowedFd const> fds, std::string_view text) {
    ByteWriter message;
    message.put(ControlWireRequest{kControlWireVersion, static_cast<uint32_t>(op), argument}).put_text(text);
    auto sent = send_message(connection, std::move(message).take(), fds);
    if (sent.ok()) return {};
    int const error = sent.error().sys_errno();
    if (error == EPIPE || error == ECONNRESET) return fail(not_running());
    return fail(std::move(sent).error().with("ask the container process"));
}

Result<void> control_request(BorrowedFd state_dir, ControlRequest const& request) {
    TRY(control_query(state_dir, request));
    return {};
}

Result<std::string> control_query(BorrowedFd state_dir, ControlRequest const& request) {
    auto const socket = TRY(send_control_request(state_dir, request));
    return await_answer(socket.borrow());
}

Result<UniqueFd> send_control_request(BorrowedFd state_dir, ControlRequest const& request) {
    auto socket = TRY(connect_control(state_dir));
    if (request.op != ControlOp::kStart) TRY(bound_wait(socket.borrow()));
    std::vector<BorrowedFd> fds;
    for (auto const& fd : request.fds) fds.push_back(fd.borrow());
    TRY(send_request(socket.borrow(), request.op, request.argument, fds, request.text));
    return socket;
}

Result<std::string> await_answer(BorrowedFd connection) {
    std::array<std::byte, kMaxWireResultBytes> buffer;
    ssize_t n = 0;
    do {
        n = ::recv(connection.raw(), buffer.data(), buffer.size(), 0);
    } while (n < 0 && errno == EINTR);
    if (n < 0 && errno == EAGAIN)
        return fail(Error(Errc::kBadState, "the container process does not answer; it may be stopped"));
    if (n < 0 && errno != ECONNRESET) return fail(Error::sys("read the container process's answer"));
    return decode_result(std::span(buffer).first(n > 0 ? static_cast<size_t>(n) : 0), not_running());
}

}  // namespace krun::runtime
