// SPDX-License-Identifier: Apache-2.0
#include "init/host_port.h"

// linux/vm_sockets.h needs sockaddr from here first.
#include <sys/socket.h>
#include <sys/time.h>

#include <linux/vm_sockets.h>

#include <cstring>
#include <string>

namespace krun::init {
namespace {

// As many streams as the host may open before init comes to accept them.
constexpr int kBacklog = 256;

sockaddr_vm address_of(uint32_t cid, uint32_t port) {
    sockaddr_vm address{};
    address.svm_family = AF_VSOCK;
    address.svm_cid = cid;
    address.svm_port = port;
    return address;
}

// No process of the guest can have the host's CID, whatever transports this kernel has.
std::optional<uint32_t> port_of_host(sockaddr_storage const& peer, socklen_t bytes) {
    sockaddr_vm address{};
    if (bytes < sizeof address) return std::nullopt;
    std::memcpy(&address, &peer, sizeof address);
    if (address.svm_family != AF_VSOCK || address.svm_cid != VMADDR_CID_HOST) return std::nullopt;
    return address.svm_port;
}

}  // namespace

Result<UniqueFd> connect_host_port(uint32_t port) {
    UniqueFd socket(::socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (!socket.valid()) return fail(Error::sys("open a vsock socket"));
    auto const address = address_of(VMADDR_CID_HOST, port);
    // The kernel gives up after 2 s, which a busy host may need; how long a boot may take is the host's to
    // decide.
    timeval const limit{.tv_sec = 600, .tv_usec = 0};
    if (::setsockopt(socket.borrow().raw(), AF_VSOCK, SO_VM_SOCKETS_CONNECT_TIMEOUT, &limit, sizeof limit) <
        0)
        return fail(Error::sys("set the time limit of a vsock connection"));
    if (::connect(socket.borrow().raw(), reinterpret_cast<sockaddr const*>(&address), sizeof address) < 0)
        return fail(Error::sys("connect to port " + std::to_string(port) + " of the host"));
    return socket;
}

Result<StreamListener> listen_for_host(uint32_t port) {
    UniqueFd socket(::socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!socket.valid()) return fail(Error::sys("open a vsock socket"));
    auto const address = address_of(VMADDR_CID_ANY, port);
    if (::bind(socket.borrow().raw(), reinterpret_cast<sockaddr const*>(&address), sizeof address) < 0)
        return fail(Error::sys("bind vsock port " + std::to_string(port)));
    if (::listen(socket.borrow().raw(), kBacklog) < 0)
        return fail(Error::sys("listen on vsock port " + std::to_string(port)));
    return StreamListener(std::move(socket), port_of_host);
}

}  // namespace krun::init
