// SPDX-License-Identifier: Apache-2.0
#include "vmm/device/net_packet.h"

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstddef>
#include <cstring>

#include "vmm/device/iovec_slice.h"
#include "vmm/device/net_protocol.h"

namespace krun::vmm {
namespace {

using Outcome = NetBackend::Outcome;

// The kernel's header of these sockets is that of virtio before it had a number of buffers (§5.1.6).
constexpr size_t kKernelHeaderBytes = offsetof(NetHeader, buffers);
// What may wait for the guest: as many of the longest frames as a turn takes. The kernel doubles it for its
// own.
constexpr int kWaitingBytes = 64 * 65536;

Result<void> set_option(BorrowedFd socket, int level, int option, int value) {
    if (::setsockopt(socket.raw(), level, option, &value, sizeof value) < 0)
        return fail(Error::sys("set up a packet socket"));
    return {};
}

// Whether the header says only what the driver has agreed to.
bool is_welcome(NetHeader const& header, uint64_t used) {
    auto const took = [&](uint64_t feature) { return (used & feature) != 0; };
    if ((header.flags & kNetNeedsChecksum) != 0 && !took(kNetFeatureGuestCsum)) return false;
    if ((header.gso_type & kGsoEcn) != 0 && !took(kNetFeatureGuestEcn)) return false;
    switch (header.gso_type & ~kGsoEcn) {
        case kGsoNone:
            return true;
        case kGsoTcp4:
            return took(kNetFeatureGuestTso4);
        case kGsoTcp6:
            return took(kNetFeatureGuestTso6);
        default:
            return false;
    }
}

void put_header(NetHeader const& header, std::span<iovec const> parts) {
    size_t at = 0;
    for (auto const& part : parts) {
        std::memcpy(part.iov_base, reinterpret_cast<std::byte const*>(&header) + at, part.iov_len);
        at += part.iov_len;
    }
}

// Its own number, until the interface has gone.
bool is_gone(BorrowedFd socket) {
    sockaddr_ll address{};
    socklen_t length = sizeof address;
    if (::getsockname(socket.raw(), reinterpret_cast<sockaddr*>(&address), &length) < 0) return true;
    return address.sll_ifindex <= 0;
}

bool has_vlan_tag(msghdr& message) {
    for (auto* one = CMSG_FIRSTHDR(&message); one != nullptr; one = CMSG_NXTHDR(&message, one)) {
        if (one->cmsg_level != SOL_PACKET || one->cmsg_type != PACKET_AUXDATA) continue;
        tpacket_auxdata data{};
        std::memcpy(&data, CMSG_DATA(one), sizeof data);
        return (data.tp_status & TP_STATUS_VLAN_VALID) != 0;
    }
    return false;
}

}  // namespace

Result<UniqueFd> NetPacket::open(int interface) {
    UniqueFd socket(::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!socket.valid()) return fail(Error::sys("open a packet socket"));
    auto const fd = socket.borrow();
    TRY(set_option(fd, SOL_PACKET, PACKET_VNET_HDR, 1));
    TRY(set_option(fd, SOL_PACKET, PACKET_AUXDATA, 1));
    TRY(set_option(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, 1));
    if (!set_option(fd, SOL_SOCKET, SO_RCVBUFFORCE, kWaitingBytes).ok())
        TRY(set_option(fd, SOL_SOCKET, SO_RCVBUF, kWaitingBytes));  // as much as everybody may have
    sockaddr_ll address{};
    address.sll_family = AF_PACKET;
    address.sll_protocol = htons(ETH_P_ALL);
    address.sll_ifindex = interface;
    if (::bind(fd.raw(), reinterpret_cast<sockaddr const*>(&address), sizeof address) < 0)
        return fail(Error::sys("bind a packet socket"));
    return socket;
}

uint64_t NetPacket::offloads() const {
    return kNetGuestOffloads | kNetHostOffloads;
}

Result<void> NetPacket::use(uint64_t offloads) {
    used_ = offloads;
    return {};
}

// An interface that is down loses what is sent, as one without a cable.
Outcome NetPacket::send(std::span<iovec const> parts) {
    slice_iovecs(parts, 0, kKernelHeaderBytes, header_);
    slice_iovecs(parts, sizeof(NetHeader), kMaxFrameBytes, parts_);
    parts_.insert(parts_.begin(), header_.begin(), header_.end());
    msghdr message{};
    message.msg_iov = parts_.data();
    message.msg_iovlen = parts_.size();
    ssize_t const n = ::sendmsg(socket_.borrow().raw(), &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n >= 0) return Outcome::kMoved;
    if (errno == EAGAIN || errno == EINTR) return Outcome::kBlocked;
    return is_gone(socket_.borrow()) ? Outcome::kEnded : Outcome::kRefused;
}

NetBackend::Transfer NetPacket::receive(std::span<iovec const> parts) {
    NetHeader header{};
    slice_iovecs(parts, sizeof(NetHeader), kMaxFrameBytes, parts_);
    parts_.insert(parts_.begin(), {&header, kKernelHeaderBytes});
    alignas(cmsghdr) std::byte extra[CMSG_SPACE(sizeof(tpacket_auxdata))];
    msghdr message{};
    message.msg_iov = parts_.data();
    message.msg_iovlen = std::min<size_t>(parts_.size(), IOV_MAX);
    message.msg_control = extra;
    message.msg_controllen = sizeof extra;
    ssize_t const n = ::recvmsg(socket_.borrow().raw(), &message, MSG_DONTWAIT);
    if (n < 0) return {is_gone(socket_.borrow()) ? Outcome::kEnded : Outcome::kBlocked, 0};
    bool const whole = (message.msg_flags & MSG_TRUNC) == 0 && static_cast<size_t>(n) > kKernelHeaderBytes;
    if (!whole || !is_welcome(header, used_) || has_vlan_tag(message)) return {Outcome::kRefused, 0};
    if ((used_ & kNetFeatureGuestCsum) == 0) header.flags = 0;  // that it is right needs no word
    slice_iovecs(parts, 0, sizeof header, header_);
    put_header(header, header_);
    return {Outcome::kMoved, static_cast<size_t>(n) + sizeof header - kKernelHeaderBytes};
}

// One that is down may come up again.
bool NetPacket::has_ended() {
    int error = 0;
    socklen_t length = sizeof error;
    ignore(::getsockopt(socket_.borrow().raw(), SOL_SOCKET, SO_ERROR, &error, &length),
           "it is taken back so");
    return is_gone(socket_.borrow());
}

}  // namespace krun::vmm
