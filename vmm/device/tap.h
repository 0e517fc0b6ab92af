// SPDX-License-Identifier: Apache-2.0
// A network back-end on a tap interface of the kernel (Documentation/networking/tuntap.rst). The kernel takes
// and gives frames in virtio-net's own form, header included, so they pass through as they are: what is
// wrong in a guest's header, the kernel refuses.
#pragma once
#include "vmm/device/net_backend.h"

namespace krun::vmm {

class Tap final : public NetBackend {
public:
    // `queue` is /dev/net/tun after TUNSETIFF with IFF_TAP, IFF_NO_PI and IFF_VNET_HDR, non-blocking, with a
    // header of sizeof(NetHeader) bytes; with IFF_MULTI_QUEUE, too, if the interface has several.
    explicit Tap(UniqueFd queue) : queue_(std::move(queue)) {}

    uint64_t offloads() const override;
    Result<void> use(uint64_t offloads) override;
    Result<void> attach(bool on) override;
    BorrowedFd fd() const override { return queue_.borrow(); }
    Outcome send(std::span<iovec const> parts) override;
    Transfer receive(std::span<iovec const> parts) override;

private:
    UniqueFd queue_;
};

}  // namespace krun::vmm
