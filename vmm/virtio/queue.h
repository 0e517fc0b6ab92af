// SPDX-License-Identifier: Apache-2.0
// The device's half of a split virtqueue (virtio-v1.2 §2.7). Ring addresses are proved once, for their whole
// length, when the queue is made. One thread, the device's.
#pragma once
#include <cstdint>

#include "base/result.h"
#include "vmm/memory/guest_memory.h"
#include "vmm/virtio/chain.h"

namespace krun::vmm {

// What the driver wrote into the transport's registers for one queue.
struct QueueLayout {
    uint16_t size = 0;  // entries, a power of two, at most 32768
    GuestAddr descriptors{};
    GuestAddr driver_area{};  // the available ring
    GuestAddr device_area{};  // the used ring
    bool event_idx = false;   // VIRTIO_F_EVENT_IDX was negotiated
};

class Queue {
public:
    // Fails with the rule that `layout` breaks: size, alignment (§2.7), rings outside RAM.
    static Result<Queue, GuestFault> make(GuestMemory const& ram, QueueLayout const& layout);

    uint16_t size() const { return layout_.size; }

    // Takes the next available chain into `chain`, fully walked and checked. False: nothing available,
    // and then the driver has been asked to notify us of more. A fault is final for the queue.
    Result<bool, GuestFault> pop(Chain& chain);
    // Puts the last popped chain back, as if never taken: for a device that has no use for it yet.
    void undo_pop();
    // Returns a chain to the driver. `written_bytes`: how much of its writable part was filled.
    Result<void, GuestFault> push_used(Chain const& chain, uint32_t written_bytes);
    // Whether the driver wants an interrupt for what was pushed since the last call (§2.7.7, §2.7.10).
    bool take_interrupt();

private:
    Queue(GuestMemory const& ram, QueueLayout const& layout);
    GuestMemory const* ram_;
    QueueLayout layout_;
};

}  // namespace krun::vmm
