// SPDX-License-Identifier: Apache-2.0
// The guest's end of one stream, over the vsock device's queues as Linux's driver fills them (net/vmw_vsock,
// drivers/vhost/vsock.c): receive buffers of a page, packets of up to 64 KiB, credit.
#pragma once
#include <cstdint>
#include <vector>

#include "bench/driver/peer.h"
#include "vmm/device/vsock_packet.h"

namespace krun::bench {

class VsockGuest {
public:
    static constexpr uint32_t kMostBytes = 64 << 10;  // of a packet

    // Connects to `port` of the host. `peer` outlives it.
    VsockGuest(Peer& peer, uint32_t port);

    // One packet of data, as soon as there is credit and a place for it.
    void send(uint32_t bytes);
    // Waits for the next packet; its bytes of data, which may be none.
    uint32_t receive();

private:
    static constexpr uint32_t kBuffer = 256 << 10;  // what we say we have
    static constexpr uint16_t kSending = 32;
    static constexpr uint16_t kControl = kSending;  // its slot

    uint16_t free_slot();
    void put_header(uint16_t slot, vmm::VsockOp op, uint32_t bytes);
    void send_control(vmm::VsockOp op);
    uint32_t take(uint16_t slot);

    DriverQueue& in_;
    DriverQueue& out_;
    uint32_t port_;
    std::vector<uint16_t> free_;
    bool connected_ = false;
    uint32_t sent_ = 0;
    uint32_t received_ = 0;
    uint32_t told_ = 0;  // of received_, to the device
    uint32_t their_buffer_ = 0;
    uint32_t they_took_ = 0;
};

}  // namespace krun::bench
