// SPDX-License-Identifier: Apache-2.0
// A device's configuration space as the driver reads it: any offset, any width (virtio-v1.2 §2.5).
#pragma once
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <type_traits>

namespace krun::vmm {

// Copies the bytes of `config` from `offset` on; those past its end read 0.
template <class Config>
void read_config_bytes(Config const& config, uint32_t offset, std::span<std::byte> out) {
    static_assert(std::has_unique_object_representations_v<Config>, "padding would show our stack");
    std::fill(out.begin(), out.end(), std::byte{0});
    if (offset >= sizeof(Config)) return;
    auto const bytes = std::as_bytes(std::span(&config, 1)).subspan(offset);
    std::memcpy(out.data(), bytes.data(), std::min(bytes.size(), out.size()));
}

}  // namespace krun::vmm
