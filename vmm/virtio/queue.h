// SPDX-License-Identifier: Apache-2.0
// The device's half of a split virtqueue (virtio-v1.2 §2.7). Ring addresses are proved once, for their whole
// length, when the queue is made. The used ring is never read: the guest may scribble on it. One thread, the
// device's.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

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
    bool indirect = false;    // VIRTIO_F_INDIRECT_DESC was negotiated
};

class Queue {
public:
    // Fails with the rule that `layout` breaks: size, alignment (§2.7), rings outside RAM or overlapping.
    // `ram` outlives the queue.
    static Result<Queue, GuestFault> make(GuestMemory const& ram, QueueLayout const& layout);

    uint16_t size() const { return layout_.size; }

    // Takes the next available chain into `chain`, fully walked and checked. False: nothing available, and
    // then, unless the queue is polled, the driver has been asked to notify us of more. A fault is final for
    // the queue.
    Result<bool, GuestFault> pop(Chain& chain);
    // Whether another chain is available. Only a hint: nothing is checked.
    bool has_more() const;
    // Puts the last popped chain back, as if never taken: for a device that has no use for it yet.
    // REQUIRES: pop() returned true and nothing was popped, undone or pushed for it since.
    void undo_pop();
    // Returns a chain to the driver. `written_bytes`: how much of its writable part was filled.
    // REQUIRES: `chain` was popped from this queue and not yet returned.
    Result<void, GuestFault> push_used(Chain const& chain, uint32_t written_bytes);
    // The same for several, in their order: the driver sees all of them at once.
    struct Used {
        Chain const* chain;
        uint32_t written_bytes;
    };
    Result<void, GuestFault> push_used(std::span<Used const> chains);
    uint16_t taken() const { return next_available_; }
    uint16_t returned() const { return next_used_; }
    // Whether the driver wants an interrupt for what was pushed since the last call (§2.7.7, §2.7.10).
    bool take_interrupt();
    // A polled queue asks for no notifications: somebody looks at it all the time. Not for ever, or the
    // driver would wait for ever.
    void begin_polling() { polled_ = true; }
    // True if there is something available; else the driver has been asked to notify us.
    Result<bool, GuestFault> end_polling();
    // How many chains more than one the driver may make available before it notifies us, from the next time
    // on that it is asked to; needs VIRTIO_F_EVENT_IDX. Somebody must look at the queue sooner or later.
    void set_lag(uint16_t chains) { lag_ = chains; }
    // Whether the driver made more available since the last call: the transport's notification does not
    // say which queue it was for.
    bool take_news();

private:
    Queue(GuestMemory const& ram, QueueLayout const& layout, GuestSlice descriptors, GuestSlice available,
          GuestSlice used);
    Result<uint16_t, GuestFault> entries_waiting() const;
    Result<bool, GuestFault> ask_for_notification();
    Result<void, GuestFault> take_head(Chain& chain);
    Result<void, GuestFault> write_used(Used const& used);

    GuestMemory const* ram_;
    QueueLayout layout_;
    GuestSlice descriptors_;
    GuestSlice available_;
    GuestSlice used_;
    // Heads that the device holds: the driver must not offer one again before it got it back.
    std::vector<bool> in_flight_;
    uint16_t next_available_ = 0;
    uint16_t next_used_ = 0;
    uint16_t interrupted_at_ = 0;  // next_used_ at the last take_interrupt()
    uint16_t seen_available_ = 0;  // the driver's index at the last take_news()
    uint16_t last_head_ = 0;
    uint16_t lag_ = 0;
    bool polled_ = false;
    char const* broken_ = nullptr;  // the rule that ended this queue
};

}  // namespace krun::vmm
