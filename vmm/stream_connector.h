// SPDX-License-Identifier: Apache-2.0
// Opens streams into the guest. Whichever device can do it says so when the device table makes it
// (device_table.h).
#pragma once
#include <cstdint>

#include "vmm/machine_spec.h"

namespace krun::vmm {

class StreamConnector {
public:
    virtual ~StreamConnector() = default;
    // Connects `ends` to a port of the guest, from a port of the caller's choice. Any thread; does not block
    // or wait for the guest. Both ends are closed, and `ends.done` then hangs up, when the guest refuses,
    // when it goes away, or at once if this pair of ports is in use or there are too many streams.
    virtual void connect(uint32_t host_port, uint32_t guest_port, StreamEnds ends) = 0;
};

}  // namespace krun::vmm
