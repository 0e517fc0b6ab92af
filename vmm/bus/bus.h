// SPDX-License-Identifier: Apache-2.0
// Guest-physical address -> device. Filled before the VM runs, constant afterwards: lookups need no lock.
#pragma once
#include <vector>

#include "base/error.h"
#include "vmm/bus/mmio_device.h"
#include "vmm/memory/guest_memory.h"

namespace krun::vmm {

class Bus {
public:
    // `device` answers for `range` and outlives the bus. Refuses a range that is empty, wraps or overlaps.
    Result<void> attach(GuestRange range, MmioDevice& device);

    // Where nothing is attached, writes vanish, as on a PC. Any thread.
    void write(GuestAddr at, std::span<std::byte const> data) const;

private:
    struct Entry {
        GuestRange range;
        MmioDevice* device;
    };
    Entry const* find(GuestAddr at) const;
    std::vector<Entry> entries_;  // sorted by base
};

}  // namespace krun::vmm
