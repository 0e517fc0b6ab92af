// SPDX-License-Identifier: Apache-2.0
// What the driver made of one device: read when a machine has died, to tell why.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

namespace krun::vmm {

struct QueueState {
    uint32_t size = 0;  // 0: the driver did not set it up
    // Chains taken from the driver and returned to it, modulo 2^16. Known once the device's thread has ended.
    uint16_t taken = 0;
    uint16_t returned = 0;
};

struct DeviceState {
    std::string name;
    uint32_t status = 0;       // virtio-v1.2 §2.1, NEEDS_RESET included
    uint32_t seen_status = 0;  // all that the driver ever set: a kernel that goes down resets its devices
    uint64_t driver_features = 0;
    std::string fault;  // the rule that the guest broke last, or empty
    std::vector<QueueState> queues;
};

}  // namespace krun::vmm
