// SPDX-License-Identifier: Apache-2.0
// A place on the bus where a network interface can be plugged in while the machine runs. Until then it reads
// as a device with id 0, which drivers pass over (virtio-v1.2 §4.2.3.1).
#pragma once
#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "vmm/device/net_backend.h"

namespace krun::vmm {

struct NetInterface {
    std::array<uint8_t, 6> mac;
    uint16_t mtu;  // bytes, at least 68 (virtio-v1.2 §5.1.4.1)
    std::unique_ptr<NetBackend> backend;
    // What carries its frames beside `backend`, where that can be several at a time: one for each further
    // pair of queues. None of them is attached. More than the place has pairs for are closed.
    std::vector<std::unique_ptr<NetBackend>> more = {};
};

// How many pairs of queues an interface has in a machine of so many processors (virtio-v1.2 §5.1.2): one for
// each, so that none waits for another to send. Beyond four their threads and the memory of their receive
// buffers would cost a container more than they are of use to it.
constexpr uint32_t useful_queue_pairs(uint32_t vcpus) {
    constexpr uint32_t kMostUseful = 4;
    return std::clamp(vcpus, uint32_t{1}, kMostUseful);
}

class NetworkSlot {
public:
    virtual ~NetworkSlot() = default;
    // Any thread. False, and nothing happens, if something has been plugged in before.
    virtual bool plug(NetInterface interface) = 0;
};

}  // namespace krun::vmm
