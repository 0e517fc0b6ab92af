// SPDX-License-Identifier: Apache-2.0
#include "vmm/virtio/queue.h"

#include <array>
#include <bit>

#include "base/check.h"

namespace krun::vmm {
namespace {

// virtio-v1.2 §2.7.6: available ring = flags, idx, ring[size], used_event (all u16).
// virtio-v1.2 §2.7.8: used ring = flags, idx (u16), ring[size] of {u32 id, u32 len}, avail_event (u16).
constexpr size_t kFlagsOffset = 0;
constexpr size_t kIndexOffset = 2;
constexpr size_t kRingOffset = 4;
constexpr uint16_t kNoInterrupt = 1;  // VIRTQ_AVAIL_F_NO_INTERRUPT

struct UsedElement {
    uint32_t id;
    uint32_t len;
};
static_assert(sizeof(UsedElement) == 8 && GuestPod<UsedElement>);

constexpr size_t used_event_offset(size_t size) {
    return kRingOffset + 2 * size;
}
constexpr size_t avail_event_offset(size_t size) {
    return kRingOffset + sizeof(UsedElement) * size;
}

// Orders what we stored before what we load next, for the guest's CPUs too. Spelled out because GCC's thread
// sanitizer refuses std::atomic_thread_fence; the partner is the driver's own full barrier (§2.7.13.4.1).
void store_before_load() {
    asm volatile("lock addl $0, -4(%%rsp)" : : : "memory", "cc");
}

// The event words are counted in even when VIRTIO_F_EVENT_IDX is off: §2.7 sizes the rings with them.
std::array<GuestRange, 3> rings_of(QueueLayout const& l) {
    return {{{l.descriptors, sizeof(Descriptor) * l.size},
             {l.driver_area, used_event_offset(l.size) + 2},
             {l.device_area, avail_event_offset(l.size) + 2}}};
}

bool overlap(GuestRange const& a, GuestRange const& b) {
    return raw(a.base) < raw(b.base) + b.len_bytes && raw(b.base) < raw(a.base) + a.len_bytes;
}

// §2.7.10: whether moving an index from `old_index` to `new_index` passes `event`. All wrap at 2^16.
bool passes(uint16_t event, uint16_t new_index, uint16_t old_index) {
    return static_cast<uint16_t>(new_index - event - 1) < static_cast<uint16_t>(new_index - old_index);
}

}  // namespace

Result<Queue, GuestFault> Queue::make(GuestMemory const& ram, QueueLayout const& layout) {
    if (!std::has_single_bit(layout.size) || layout.size > 32768)
        return fail(GuestFault{"queue size is not a power of two up to 32768"});
    // §2.7: alignments of the three parts.
    if (raw(layout.descriptors) % 16 != 0 || raw(layout.driver_area) % 2 != 0 ||
        raw(layout.device_area) % 4 != 0)
        return fail(GuestFault{"misaligned ring"});
    auto const rings = rings_of(layout);
    auto const descriptors = TRY(ram.slice(rings[0].base, rings[0].len_bytes));
    auto const available = TRY(ram.slice(rings[1].base, rings[1].len_bytes));
    auto const used = TRY(ram.slice(rings[2].base, rings[2].len_bytes));
    // All three lie in RAM now, so the sums in overlap() cannot wrap.
    if (overlap(rings[0], rings[1]) || overlap(rings[0], rings[2]) || overlap(rings[1], rings[2]))
        return fail(GuestFault{"rings overlap"});
    return Queue(ram, layout, descriptors, available, used);
}

Queue::Queue(GuestMemory const& ram, QueueLayout const& layout, GuestSlice descriptors, GuestSlice available,
             GuestSlice used)
    : ram_(&ram),
      layout_(layout),
      descriptors_(descriptors),
      available_(available),
      used_(used),
      in_flight_(layout.size) {}

// §2.7.13.3: the driver never gets ahead of us by more than the queue's size.
Result<uint16_t, GuestFault> Queue::entries_waiting() const {
    // Acquire: pairs with the driver's barrier between writing ring entries and the index (§2.7.13.3).
    auto const driver_index = TRY(available_.load_acquire<uint16_t>(kIndexOffset));
    auto const waiting = static_cast<uint16_t>(driver_index - next_available_);
    if (waiting > layout_.size) return fail(GuestFault{"available index jumped past the queue"});
    return waiting;
}

Result<bool, GuestFault> Queue::pop(Chain& chain) {
    if (broken_ != nullptr) return fail(GuestFault{broken_});
    auto const popped = [&]() -> Result<bool, GuestFault> {
        if (TRY(entries_waiting()) == 0 && (polled_ || !TRY(ask_for_notification()))) return false;
        TRY(take_head(chain));
        return true;
    }();
    if (!popped.ok()) broken_ = popped.error().rule;
    return popped;
}

// True if more came in while we asked.
Result<bool, GuestFault> Queue::ask_for_notification() {
    if (!layout_.event_idx) return false;  // we never set VIRTQ_USED_F_NO_NOTIFY
    auto const event = static_cast<uint16_t>(next_available_ + lag_);
    TRY(used_.store_release<uint16_t>(avail_event_offset(layout_.size), event));
    // Our store must be visible before we look again: the driver does the mirror image (§2.7.10), and one of
    // us must see the other's store.
    store_before_load();
    auto const waiting = TRY(entries_waiting());
    return waiting != 0;
}

Result<bool, GuestFault> Queue::end_polling() {
    polled_ = false;
    if (broken_ != nullptr) return false;  // it has been told
    if (TRY(entries_waiting()) != 0) return true;
    return ask_for_notification();
}

Result<void, GuestFault> Queue::take_head(Chain& chain) {
    size_t const slot = next_available_ % layout_.size;
    auto const head = TRY(available_.read<uint16_t>(kRingOffset + 2 * slot));
    if (head >= layout_.size) return fail(GuestFault{"available head past table"});
    if (in_flight_[head]) return fail(GuestFault{"available head is still in flight"});
    TRY(ChainWalker(*ram_, descriptors_, layout_.indirect).walk(head, chain));
    in_flight_[head] = true;
    last_head_ = head;
    ++next_available_;
    return {};
}

bool Queue::has_more() const {
    auto const waiting = entries_waiting();
    return waiting.ok() && waiting.value() != 0;
}

void Queue::undo_pop() {
    KRUN_CHECK(in_flight_[last_head_], "undo_pop of a chain that was returned");
    in_flight_[last_head_] = false;
    --next_available_;
}

Result<void, GuestFault> Queue::push_used(Chain const& chain, uint32_t written_bytes) {
    Used const one{&chain, written_bytes};
    return push_used({&one, 1});
}

Result<void, GuestFault> Queue::push_used(std::span<Used const> chains) {
    for (auto const& one : chains) TRY(write_used(one));
    // Release: the elements before the index (§2.7.8); pairs with the driver's read barrier.
    return used_.store_release<uint16_t>(kIndexOffset, next_used_);
}

Result<void, GuestFault> Queue::write_used(Used const& used) {
    uint16_t const head = used.chain->head();
    KRUN_CHECK(head < layout_.size && in_flight_[head], "push of a chain that was not popped");
    in_flight_[head] = false;
    size_t const slot = next_used_ % layout_.size;
    TRY(used_.write(kRingOffset + sizeof(UsedElement) * slot, UsedElement{head, used.written_bytes}));
    ++next_used_;
    return {};
}

bool Queue::take_interrupt() {
    if (interrupted_at_ == next_used_) return false;
    uint16_t const before = std::exchange(interrupted_at_, next_used_);
    // Our index must be visible before we read what the driver wishes: it writes its wish, then looks at the
    // index (§2.7.7.2).
    store_before_load();
    size_t const offset = layout_.event_idx ? used_event_offset(layout_.size) : kFlagsOffset;
    auto const wish = available_.load_acquire<uint16_t>(offset);
    if (!wish.ok()) return true;  // cannot be: the ring was proved. An interrupt too many is harmless.
    if (layout_.event_idx) return passes(wish.value(), next_used_, before);
    return (wish.value() & kNoInterrupt) == 0;
}

bool Queue::take_news() {
    auto const driver_index = available_.load_acquire<uint16_t>(kIndexOffset);
    if (!driver_index.ok()) return false;
    return std::exchange(seen_available_, driver_index.value()) != driver_index.value();
}

}  // namespace krun::vmm
