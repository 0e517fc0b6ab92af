// SPDX-License-Identifier: Apache-2.0
#include "runtime/network/socket_network.h"

#include <linux/if_link.h>
#include <net/if.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cstring>
#include <string_view>

#include "base/strings.h"

namespace krun::runtime {
namespace {

constexpr std::string_view kName = "eth0";
// What vfkit says first, by which gvproxy learns where to answer.
constexpr std::string_view kVfkitMagic = "VFKT";

// An answer needs an address to go to: one that the kernel chooses, outside of every file system (unix(7)).
Result<void> take_address(BorrowedFd socket) {
    sa_family_t const none = AF_UNIX;
    if (::bind(socket.raw(), reinterpret_cast<sockaddr const*>(&none), sizeof none) < 0)
        return fail(Error::sys("take an address to be answered at"));
    return {};
}

Result<void> connect_to(BorrowedFd socket, std::string const& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    if (::connect(socket.raw(), reinterpret_cast<sockaddr const*>(&address), sizeof address) < 0)
        return fail(Error::sys("connect"));
    return {};
}

Result<UniqueFd> connected(oci::NetworkAnnotation const& wanted) {
    bool const datagrams = wanted.kind == oci::NetworkAnnotation::Kind::kUnixDatagram;
    UniqueFd socket(::socket(AF_UNIX, (datagrams ? SOCK_DGRAM : SOCK_STREAM) | SOCK_CLOEXEC, 0));
    if (!socket.valid()) return fail(Error::sys("open a socket"));
    if (datagrams) TRY(take_address(socket.borrow()));
    TRY(connect_to(socket.borrow(), wanted.path));
    if (datagrams && ::send(socket.borrow().raw(), kVfkitMagic.data(), kVfkitMagic.size(), MSG_NOSIGNAL) < 0)
        return fail(Error::sys("send the first datagram"));
    return socket;
}

}  // namespace

std::array<uint8_t, 6> any_mac() {
    std::array<uint8_t, 6> out{};
    ignore(::getrandom(out.data(), out.size(), 0), "an early boot has no container");
    out[0] = static_cast<uint8_t>((out[0] & 0xfc) | 2);
    return out;
}

Result<UniqueFd> connect_network(oci::NetworkAnnotation const& wanted) {
    return TRY_WITH(connected(wanted), "network: krun-oci.net: " + quoted(wanted.path));
}

NetworkPlan plan_for_socket(oci::NetworkAnnotation const& wanted) {
    NetworkRecords records;
    control::NetworkFixup const fixup[] = {{0, kInterfaceFixup}};
    NetlinkRequest name(RTM_SETLINK, NLM_F_ACK, ifinfomsg{});
    records.request(name.put(IFLA_IFNAME, kName), fixup);
    ifinfomsg up{};
    up.ifi_flags = up.ifi_change = IFF_UP;
    records.request(NetlinkRequest(RTM_SETLINK, NLM_F_ACK, up), fixup).ask_for_address(0);
    bool const datagrams = wanted.kind == oci::NetworkAnnotation::Kind::kUnixDatagram;
    NetworkPlan plan;
    plan.interfaces.push_back({wanted.mac.value_or(any_mac()), wanted.mtu,
                               datagrams ? NetworkBackend::kDatagram : NetworkBackend::kStream,
                               std::move(records).take()});
    return plan;
}

}  // namespace krun::runtime
