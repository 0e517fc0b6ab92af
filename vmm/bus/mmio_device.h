// SPDX-License-Identifier: Apache-2.0
// Something that takes what is written at guest-physical addresses which are not RAM. Called on vCPU threads,
// several at once; implementations lock for themselves and do not block for long. What is read there is
// memory (vmm/bus/register_page.h).
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace krun::vmm {

class MmioDevice {
public:
    virtual ~MmioDevice() = default;
    virtual std::string_view name() const = 0;
    // `offset` is in bytes from the device's base; `data` is 1, 2, 4 or 8 bytes and may run past its end.
    virtual void write(uint64_t offset, std::span<std::byte const> data) = 0;
};

}  // namespace krun::vmm
