// SPDX-License-Identifier: Apache-2.0
// The bus of virtio devices: its driver passed over the places that had no device when the kernel booted.
#pragma once
#include <cstdint>

#include "base/error.h"

namespace krun::init {

// Has the driver look at virtio-mmio.N, which has become a device. Returns when a driver has it, if there is
// one.
Result<void> find_device(uint32_t number);

}  // namespace krun::init
