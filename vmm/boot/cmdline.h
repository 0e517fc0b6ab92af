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

// `extra` is the caller's, `parameters` are the operator's, which come last and would override. Fails with
// kInvalidConfig if one of them names what stands before it or what the machine depends on, if there is more
// in one than printable characters without spaces and quotes, if `extra` has a control character, or if the
// result does not fit Linux's COMMAND_LINE_SIZE (it would be cut without a word).
Result<std::string> build_cmdline(std::span<DevicePlace const> devices, std::string const& extra,
                                  std::span<std::string const> parameters = {});

}  // namespace krun::vmm
