// SPDX-License-Identifier: Apache-2.0
// One descriptor chain of a split virtqueue, walked and proved (virtio-v1.2 §2.7.5): at most queue-size
// descriptors, indirect ones included; at most 2^32 bytes; readable parts before writable ones (§2.7.4.2).
#pragma once
#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/result.h"
#include "vmm/memory/guest_memory.h"

namespace krun::vmm {

// Reused from pop to pop, so that the data path does not allocate.
class Chain {
public:
    uint16_t head() const { return head_; }
    // For the kernel only (readv, writev, preadv …): our own code uses copy_from and copy_to.
    std::span<iovec const> readable() const { return readable_; }
    std::span<iovec const> writable() const { return writable_; }
    size_t readable_bytes() const { return readable_bytes_; }
    size_t writable_bytes() const { return writable_bytes_; }

    // Copies readable bytes from `offset` on; returns how many there were, at most out.size().
    size_t copy_from(size_t offset, std::span<std::byte> out) const;
    // Copies into the writable bytes from `offset` on; returns how many fitted.
    size_t copy_to(size_t offset, std::span<std::byte const> in) const;

private:
    friend class ChainWalker;
    uint16_t head_ = 0;
    std::vector<iovec> readable_;
    std::vector<iovec> writable_;
    size_t readable_bytes_ = 0;
    size_t writable_bytes_ = 0;
};

}  // namespace krun::vmm
