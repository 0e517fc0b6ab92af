// SPDX-License-Identifier: Apache-2.0
// A network back-end on a datagram socket, as gvproxy and vmnet-helper speak with vfkit: each frame is a
// datagram, without anything around it.
#pragma once
#include <utility>
#include <vector>

#include "vmm/device/net_backend.h"

namespace krun::vmm {

class NetDatagram final : public NetBackend {
public:
    // `socket` is connected. It may be a blocking one.
    explicit NetDatagram(UniqueFd socket) : socket_(std::move(socket)) {}

    uint64_t offloads() const override { return 0; }
    Result<void> use(uint64_t /*offloads*/) override { return {}; }
    BorrowedFd fd() const override { return socket_.borrow(); }
    Outcome send(std::span<iovec const> parts) override;
    Transfer receive(std::span<iovec const> parts) override;

private:
    UniqueFd socket_;
    std::vector<iovec> parts_;
};

}  // namespace krun::vmm
