// SPDX-License-Identifier: Apache-2.0
// A network back-end on a packet socket (packet(7)): it sees what arrives at an interface of the kernel and
// sends by it, where nothing can be put in between. Nobody negotiates with such a socket: what comes with an
// offload that the driver has not taken is lost, and what has a VLAN tag, as the kernel keeps it beside the
// frame.
#pragma once
#include <utility>
#include <vector>

#include "vmm/device/net_backend.h"

namespace krun::vmm {

class NetPacket final : public NetBackend {
public:
    // A socket for interface number `interface` of the caller's network namespace, on which frames are
    // waiting from now on. Needs CAP_NET_RAW there.
    static Result<UniqueFd> open(int interface);
    // `socket` is of open(). `lock` is held as long as it is used; may be invalid.
    NetPacket(UniqueFd socket, UniqueFd lock) : socket_(std::move(socket)), lock_(std::move(lock)) {}

    uint64_t offloads() const override;
    Result<void> use(uint64_t offloads) override;
    BorrowedFd fd() const override { return socket_.borrow(); }
    Outcome send(std::span<iovec const> parts) override;
    Transfer receive(std::span<iovec const> parts) override;
    bool has_ended() override;

private:
    UniqueFd socket_;
    UniqueFd lock_;
    uint64_t used_ = 0;  // offloads
    std::vector<iovec> header_;
    std::vector<iovec> parts_;
};

}  // namespace krun::vmm
