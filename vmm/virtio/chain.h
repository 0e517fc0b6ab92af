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

// virtio-v1.2 §2.7.5: 16 bytes, little-endian.
struct Descriptor {
    GuestAddr addr;
    uint32_t len;  // bytes
    uint16_t flags;
    uint16_t next;  // index into the same table, if kNext is set
};
static_assert(sizeof(Descriptor) == 16 && GuestPod<Descriptor>);

enum DescriptorFlag : uint16_t { kNext = 1, kWrite = 2, kIndirect = 4 };

// Reused from pop to pop, so that the data path does not allocate.
class Chain {
public:
    uint16_t head() const { return head_; }
    // For the kernel only (readv, writev, preadv …): our own code uses copy_from and copy_to. No part is
    // empty; there may be fewer parts than descriptors, never more.
    std::span<iovec const> readable() const { return readable_; }
    std::span<iovec const> writable() const { return writable_; }
    // The sums of the parts. Many descriptors may name one page: guest RAM does not bound these, 2^32 does.
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

// Walks the chain that starts at `head` of a table, once. Terminates for every guest.
class ChainWalker {
public:
    // `table` is the whole descriptor table, proved when the queue was made; `indirect_allowed`: the
    // driver accepted VIRTIO_F_INDIRECT_DESC (§2.7.5.3).
    ChainWalker(GuestMemory const& ram, GuestSlice table, bool indirect_allowed);
    // Fills `chain`, or says which rule the guest broke; `chain` is then unspecified.
    Result<void, GuestFault> walk(uint16_t head, Chain& chain);

private:
    Result<void, GuestFault> enter_indirect(Descriptor const& d);
    Result<void, GuestFault> append(Descriptor const& d, Chain& chain);

    GuestMemory const& ram_;
    GuestSlice table_;
    uint32_t steps_left_;
    bool indirect_allowed_;
    bool in_indirect_ = false;
    uint32_t total_bytes_ = 0;
};

}  // namespace krun::vmm
