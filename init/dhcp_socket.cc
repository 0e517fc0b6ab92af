// SPDX-License-Identifier: Apache-2.0
#include "init/dhcp_socket.h"

#include <arpa/inet.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>

namespace krun::init {

static constexpr size_t kMaxPacket = 1500;

static sockaddr_ll everybody(int interface) {
    sockaddr_ll out{};
    out.sll_family = AF_PACKET;
    out.sll_protocol = htons(ETH_P_IP);
    out.sll_ifindex = interface;
    out.sll_halen = ETH_ALEN;
    std::fill_n(out.sll_addr, ETH_ALEN, uint8_t{0xff});
    return out;
}

// UDP to the client's port, and no later fragment: the kernel drops the rest of an interface's traffic.
// Offsets are from the IPv4 header on.
static bool take_answers_alone(BorrowedFd socket) {
    static constexpr uint32_t kFragmentOffset = 0x1fff, kClientPort = 68;
    std::array<sock_filter, 9> code{{
        BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 9),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, IPPROTO_UDP, 0, 5),
        BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 6),
        BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, kFragmentOffset, 3, 0),
        BPF_STMT(BPF_LDX | BPF_B | BPF_MSH, 0),
        BPF_STMT(BPF_LD | BPF_H | BPF_IND, 2),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, kClientPort, 1, 0),
        BPF_STMT(BPF_RET | BPF_K, 0),
        BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
    }};
    sock_fprog const program{static_cast<unsigned short>(code.size()), code.data()};
    return ::setsockopt(socket.raw(), SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) == 0;
}

Result<DhcpSocket> DhcpSocket::open(int interface) {
    UniqueFd socket(::socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    auto const address = everybody(interface);
    if (!socket.valid() || !take_answers_alone(socket.borrow()) ||
        ::bind(socket.borrow().raw(), reinterpret_cast<sockaddr const*>(&address), sizeof address) < 0)
        return fail(Error::sys("open a socket for DHCP"));
    return DhcpSocket(std::move(socket), interface);
}

void DhcpSocket::send(std::span<std::byte const> question) const {
    auto const to = everybody(interface_);
    ::sendto(fd().raw(), question.data(), question.size(), 0, reinterpret_cast<sockaddr const*>(&to),
             sizeof to);
}

std::optional<DhcpReply> DhcpSocket::receive(DhcpClient const& client) const {
    std::array<std::byte, kMaxPacket> packet;
    ssize_t const n = ::recv(fd().raw(), packet.data(), packet.size(), MSG_TRUNC);
    if (n < 0 || static_cast<size_t>(n) > packet.size()) return std::nullopt;
    return read_reply(std::span(packet).first(static_cast<size_t>(n)), client);
}

}  // namespace krun::init
