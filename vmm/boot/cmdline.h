// SPDX-License-Identifier: Apache-2.0
// The guest kernel's command line: what this machine is, where its devices are, then what the caller adds.
#pragma once
#include <span>
#include <string>

#include "base/error.h"
#include "vmm/memory/guest_memory.h"

namespace krun::vmm {

// One virtio-mmio device (Linux kernel-parameters.txt, virtio_mmio.device=).
struct DevicePlace {
    GuestAddr at;
    uint64_t len_bytes;
    uint32_t interrupt;
};

// Fails with kInvalidConfig if the result does not fit Linux's COMMAND_LINE_SIZE (it would be cut without a
// word) or if `extra` has a control character. `extra` comes last, so that it overrides.
Result<std::string> build_cmdline(std::span<DevicePlace const> devices, std::string const& extra);

}  // namespace krun::vmm
