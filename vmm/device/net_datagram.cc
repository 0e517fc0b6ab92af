// SPDX-License-Identifier: Apache-2.0
#include "vmm/device/net_datagram.h"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

#include "vmm/device/iovec_slice.h"
#include "vmm/device/net_protocol.h"

namespace krun::vmm {
namespace {

using Outcome = NetBackend::Outcome;

Outcome failed_with(int error) {
    switch (error) {
        case EAGAIN:
        case EINTR:
            return Outcome::kBlocked;
        case ECONNREFUSED:
        case ECONNRESET:
        case ENOTCONN:
        case EPIPE:
            return Outcome::kEnded;
        default:
            return Outcome::kRefused;
    }
}

}  // namespace

Outcome NetDatagram::send(std::span<iovec const> parts) {
    slice_iovecs(parts, sizeof(NetHeader), sizeof(NetHeader) + kMaxFrameBytes, parts_);
    msghdr message{};
    message.msg_iov = parts_.data();
    message.msg_iovlen = parts_.size();
    ssize_t const n = ::sendmsg(socket_.borrow().raw(), &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    return n >= 0 ? Outcome::kMoved : failed_with(errno);
}

NetBackend::Transfer NetDatagram::receive(std::span<iovec const> parts) {
    slice_iovecs(parts, sizeof(NetHeader), kMaxFrameBytes, parts_);
    msghdr message{};
    message.msg_iov = parts_.data();
    message.msg_iovlen = parts_.size();
    ssize_t const n = ::recvmsg(socket_.borrow().raw(), &message, MSG_DONTWAIT);
    if (n < 0) return {failed_with(errno), 0};
    auto const frame = static_cast<size_t>(n);
    if (frame < kEthernetHeaderBytes || (message.msg_flags & MSG_TRUNC) != 0) return {Outcome::kRefused, 0};
    slice_iovecs(parts, 0, sizeof(NetHeader), parts_);
    for (auto const& part : parts_)
        std::fill_n(static_cast<std::byte*>(part.iov_base), part.iov_len, std::byte{});
    return {Outcome::kMoved, sizeof(NetHeader) + frame};
}

}  // namespace krun::vmm
