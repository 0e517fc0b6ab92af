// SPDX-License-Identifier: Apache-2.0
// A place on the bus where a network interface can be plugged in while the machine runs. Until then it reads
// as a device with id 0, which drivers pass over (virtio-v1.2 §4.2.3.1).
#pragma once
#include <array>
#include <cstdint>
#include <memory>

#include "vmm/device/net_backend.h"

namespace krun::vmm {

struct NetInterface {
    std::array<uint8_t, 6> mac;
    uint16_t mtu;  // bytes, at least 68 (virtio-v1.2 §5.1.4.1)
    std::unique_ptr<NetBackend> backend;
};

class NetworkSlot {
public:
    virtual ~NetworkSlot() = default;
    // Any thread. False, and nothing happens, if something has been plugged in before.
    virtual bool plug(NetInterface interface) = 0;
};

}  // namespace krun::vmm
