// SPDX-License-Identifier: Apache-2.0
// Buffers that the driver has offered for packets, taken from its queue in advance: Linux's are a page each,
// and one read from the host fills several (virtio-v1.2 §5.10.6.1).
#pragma once
#include <algorithm>
#include <array>
#include <cstdint>
#include <span>

#include "vmm/device/vsock_packet.h"
#include "vmm/virtio/queue.h"

namespace krun::vmm {

class VsockBuffers {
public:
    // 64 KiB of pages, as much as a stream moves at once.
    static constexpr size_t kAtOnce = 16;

    // Up to kAtOnce, in the order in which they were offered; each has room for a header and at least one
    // byte. Valid until give(). With fewer the driver has been asked to notify us of more.
    Result<std::span<Chain const>, GuestFault> take(Queue& queue) {
        while (count_ < kAtOnce && TRY(queue.pop(chains_[count_]))) {
            // One for no more than a header could never carry data: back with it, unused.
            if (chains_[count_].writable_bytes() > sizeof(VsockHeader))
                ++count_;
            else
                TRY(queue.push_used(chains_[count_], 0));
        }
        return std::span<Chain const>(chains_).first(count_);
    }
    // Returns the first of them to the driver, with so many bytes in each. REQUIRES: take() had as many.
    Result<void, GuestFault> give(Queue& queue, std::span<uint32_t const> bytes) {
        std::array<Queue::Used, kAtOnce> used;
        for (size_t i = 0; i < bytes.size(); ++i) used[i] = {&chains_[i], bytes[i]};
        TRY(queue.push_used(std::span(used).first(bytes.size())));
        auto const begin = chains_.begin();
        std::rotate(begin, begin + static_cast<ptrdiff_t>(bytes.size()),
                    begin + static_cast<ptrdiff_t>(count_));
        count_ -= bytes.size();
        return {};
    }
    // The driver has forgotten them.
    void clear() { count_ = 0; }

private:
    std::array<Chain, kAtOnce> chains_;
    size_t count_ = 0;
};

}  // namespace krun::vmm
