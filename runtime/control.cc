// SPDX-License-Identifier: Apache-2.0
#include "runtime/control.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "base/fd.h"
#include "runtime/control_wire.h"
#include "runtime/end_reason.h"

namespace krun::runtime {
namespace {

// The state directory's path may be longer than sun_path; its descriptor never is.
sockaddr_un control_address(BorrowedFd state_dir) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::string const path = "/proc/self/fd/" + std::to_string(state_dir.raw()) + "/" + kControlSocketName;
    std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
    return address;
}

// The words that engines look for when the process has ended (cli-contract 1.9).
Error not_running(Where where = Where::current()) {
    return Error(Errc::kBadState, "container not running", 0, where);
}

Result<UniqueFd> connect_control(BorrowedFd state_dir) {
    UniqueFd socket(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
    if (!socket.valid()) return fail(Error::sys("create a control socket"));
    auto const address = control_address(state_dir);
    if (::connect(socket.borrow().raw(), reinterpret_cast<sockaddr const*>(&address), sizeof address) < 0) {
        if (errno == ENOENT || errno == ECONNREFUSED) return fail(not_running());
        return fail(Error::sys("connect to the container process"));
    }
    return socket;
}

Result<void> decode_reply(std::span<std::byte const> message) {
    if (message.empty()) return fail(not_running());  // it ended before it answered
    ControlWireReply reply{};
    if (message.size() < sizeof reply)
        return fail(Error(Errc::kInternal, "the container process sent a short reply"));
    std::memcpy(&reply, message.data(), sizeof reply);
    if (reply.code == 0) return {};
    auto const text = message.subspan(sizeof reply);
    auto const last = static_cast<uint32_t>(Errc::kInternal) + 1;
    auto const code = static_cast<Errc>(std::min(reply.code, last) - 1);
    return fail(Error(code, std::string(reinterpret_cast<char const*>(text.data()), text.size())));
}

}  // namespace

Result<void> control_request(BorrowedFd state_dir, ControlRequest request) {
    auto const socket = TRY(connect_control(state_dir));
    ControlWireRequest const wire{kControlWireVersion, static_cast<uint32_t>(request.op), request.argument};
    if (::send(socket.borrow().raw(), &wire, sizeof wire, MSG_NOSIGNAL) < 0) {
        if (errno == EPIPE || errno == ECONNRESET) return fail(not_running());
        return fail(Error::sys("ask the container process"));
    }
    std::array<std::byte, kMaxControlReplyBytes> buffer;
    ssize_t n = 0;
    do {
        n = ::recv(socket.borrow().raw(), buffer.data(), buffer.size(), 0);
    } while (n < 0 && errno == EINTR);
    if (n < 0 && errno != ECONNRESET) return fail(Error::sys("read the container process's answer"));
    return decode_reply(std::span(buffer).first(n > 0 ? static_cast<size_t>(n) : 0));
}

std::string read_end_reason(BorrowedFd state_dir) {
    auto file = open_at(state_dir, kEndReasonName, O_RDONLY | O_NOFOLLOW);
    if (!file.ok()) return {};
    auto text = read_file(file.value().borrow(), kMaxEndReasonBytes);
    return text.ok() ? std::move(text).value() : std::string{};
}

}  // namespace krun::runtime
