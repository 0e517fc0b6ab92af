// SPDX-License-Identifier: Apache-2.0
// What the guest may read of one device's registers, as memory that it has read-only (kvm api §4.35,
// KVM_MEM_READONLY): to read a register, it does not leave the guest. Linux reads a virtio device's
// InterruptStatus at each interrupt, and some dozens of registers to set a device up. What it writes does
// leave, and reaches the device by the bus. Any thread; words are atomic. Whoever made the page's memory
// keeps it until the guest has ended.
#pragma once
#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>

namespace krun::vmm {

class RegisterPage {
public:
    static constexpr size_t kBytes = 4096;
    static constexpr size_t kConfigOffset = 0x100;
    // Of a virtio device's configuration space (virtio-v1.2 §4.2.2); the longest of any device is much
    // shorter. The rest reads 0.
    static constexpr size_t kConfigBytes = 256;

    explicit RegisterPage(std::span<std::byte, kBytes> page) : page_(page) {}

    // `offset`: a multiple of 4 below kBytes.
    uint32_t& word(size_t offset) const { return reinterpret_cast<uint32_t*>(page_.data())[offset / 4]; }
    // Before whatever this thread does next to tell the guest of it.
    void store(size_t offset, uint32_t value) const {
        std::atomic_ref(word(offset)).store(value, std::memory_order_release);
    }
    void store_config(std::span<std::byte const, kConfigBytes> config) const {
        for (size_t at = 0; at < kConfigBytes; at += 4) {
            uint32_t value = 0;
            std::copy_n(config.data() + at, sizeof value, reinterpret_cast<std::byte*>(&value));
            store(kConfigOffset + at, value);
        }
    }

private:
    std::span<std::byte, kBytes> page_;
};

}  // namespace krun::vmm
