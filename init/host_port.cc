// SPDX-License-Identifier: Apache-2.0
#include "init/host_port.h"

// linux/vm_sockets.h needs sockaddr from here first.
#include <sys/socket.h>
#include <sys/time.h>

#include <linux/vm_sockets.h>

#include <string>

namespace krun::init {

Result<UniqueFd> connect_host_port(uint32_t port) {
    UniqueFd socket(::socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (!socket.valid()) return fail(Error::sys("open a vsock socket"));
    sockaddr_vm address{};
    address.svm_family = AF_VSOCK;
    address.svm_cid = VMADDR_CID_HOST;
    address.svm_port = port;
    // The kernel gives up after 2 s, which a busy host may need; how long a boot may take is the host's to
    // decide.
    timeval const limit{.tv_sec = 600, .tv_usec = 0};
    if (::setsockopt(socket.borrow().raw(), AF_VSOCK, SO_VM_SOCKETS_CONNECT_TIMEOUT, &limit, sizeof limit) <
        0)
        return fail(Error::sys("set the time limit of a vsock connection"));
    if (::connect(socket.borrow().raw(), reinterpret_cast<sockaddr*>(&address), sizeof address) < 0)
        return fail(Error::sys("connect to port " + std::to_string(port) + " of the host"));
    return socket;
}

}  // namespace krun::init
