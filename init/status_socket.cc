// SPDX-License-Identifier: Apache-2.0
#include "init/status_socket.h"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <vector>

namespace krun::init {
namespace {

struct Head {
    uint32_t kind;
    uint32_t exit_code;
};
constexpr size_t kMaxText = 4096;

union ControlSpace {
    cmsghdr align;
    std::array<char, CMSG_SPACE(sizeof(int))> bytes;
};

UniqueFd take_descriptor(msghdr& message) {
    for (cmsghdr* c = CMSG_FIRSTHDR(&message); c != nullptr; c = CMSG_NXTHDR(&message, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS || c->cmsg_len < CMSG_LEN(sizeof(int)))
            continue;
        int fd = -1;
        std::memcpy(&fd, CMSG_DATA(c), sizeof fd);
        return UniqueFd(fd);
    }
    return {};
}

}  // namespace

Result<void> StatusSocket::send(StatusMessage const& message) const {
    Head head{static_cast<uint32_t>(message.kind), message.exit_code};
    std::string text = message.text.substr(0, kMaxText);
    iovec parts[] = {{&head, sizeof head}, {text.data(), text.size()}};
    msghdr packet{};
    packet.msg_iov = parts;
    packet.msg_iovlen = 2;
    ControlSpace space{};
    if (message.fd.valid()) {
        packet.msg_control = space.bytes.data();
        packet.msg_controllen = space.bytes.size();
        cmsghdr* const c = CMSG_FIRSTHDR(&packet);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(sizeof(int));
        int const fd = message.fd.borrow().raw();
        std::memcpy(CMSG_DATA(c), &fd, sizeof fd);
    }
    ssize_t n;
    do n = ::sendmsg(fd_.borrow().raw(), &packet, MSG_NOSIGNAL);
    while (n < 0 && errno == EINTR);
    if (n < 0) return fail(Error::sys("talk over the status socket"));
    return {};
}

Result<std::optional<StatusMessage>> StatusSocket::receive() const {
    Head head{};
    std::array<char, kMaxText> text;
    iovec parts[] = {{&head, sizeof head}, {text.data(), text.size()}};
    ControlSpace space{};
    msghdr packet{};
    packet.msg_iov = parts;
    packet.msg_iovlen = 2;
    packet.msg_control = space.bytes.data();
    packet.msg_controllen = space.bytes.size();
    ssize_t n;
    do n = ::recvmsg(fd_.borrow().raw(), &packet, MSG_CMSG_CLOEXEC);
    while (n < 0 && errno == EINTR);
    if (n < 0) return fail(Error::sys("listen to the status socket"));
    if (n == 0) return std::optional<StatusMessage>();
    StatusMessage out;
    out.fd = take_descriptor(packet);
    if (static_cast<size_t>(n) < sizeof head) return fail(Error(Errc::kInternal, "a short status message"));
    out.kind = static_cast<StatusKind>(head.kind);
    out.exit_code = head.exit_code;
    out.text.assign(text.data(), static_cast<size_t>(n) - sizeof head);
    return std::optional<StatusMessage>(std::move(out));
}

bool StatusSocket::readable() const {
    pollfd watched{fd_.borrow().raw(), POLLIN, 0};
    return ::poll(&watched, 1, 0) > 0;
}

}  // namespace krun::init
