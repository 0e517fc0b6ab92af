// SPDX-License-Identifier: Apache-2.0
#include "bench/driver/driver_queue.h"

#include <poll.h>
#include <sched.h>
#include <sys/eventfd.h>
#include <time.h>

#include <algorithm>
#include <atomic>
#include <cstring>

#include "vmm/virtio/chain.h"

namespace krun::bench {
namespace {

constexpr uint64_t kFirstPollNs = 10'000;
constexpr uint64_t kMostPollNs = 200'000;
constexpr int kHungMs = 20'000;

template <class T>
std::atomic_ref<T> word(std::byte* at) {
    return std::atomic_ref(*reinterpret_cast<T*>(at));
}

}  // namespace

uint64_t now_ns() {
    timespec now;
    ::clock_gettime(CLOCK_MONOTONIC, &now);
    return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(now.tv_nsec);
}

DriverQueue::DriverQueue(Ram& ram, Waiting waiting)
    : ram_(ram),
      waiting_(waiting),
      descriptors_(ram.allocate(16 * kSize)),
      available_(ram.allocate(6 + 2 * kSize)),
      used_(ram.allocate(6 + 8 * kSize)),
      slots_(kSlots) {
    for (auto& slot : slots_) slot.table = ram.allocate(kMaxParts * sizeof(vmm::Descriptor));
}

vmm::QueueLayout DriverQueue::layout() const {
    return {.size = kSize,
            .descriptors = vmm::GuestAddr{descriptors_},
            .driver_area = vmm::GuestAddr{available_},
            .device_area = vmm::GuestAddr{used_},
            .event_idx = true,
            .indirect = true};
}

void DriverQueue::shape(uint16_t index, Shape const& shape) {
    auto& slot = slots_[index];
    if (slot.shape.readable != shape.readable || slot.shape.writable != shape.writable) {
        slot.shape = shape;
        slot.guest.clear();
        slot.host.clear();
        for (auto const* parts : {&shape.readable, &shape.writable})
            for (uint32_t const len : *parts) slot.guest.push_back(ram_.allocate(len));
        for (uint64_t const at : slot.guest) slot.host.push_back(ram_.host(at));
    }
    auto* table = reinterpret_cast<vmm::Descriptor*>(ram_.host(slot.table));
    size_t const count = slot.guest.size();
    for (size_t i = 0; i < count; ++i) {
        bool const writable = i >= shape.readable.size();
        uint32_t const len = writable ? shape.writable[i - shape.readable.size()] : shape.readable[i];
        auto const flags =
            static_cast<uint16_t>((writable ? vmm::kWrite : 0) | (i + 1 < count ? vmm::kNext : 0));
        table[i] = {vmm::GuestAddr{slot.guest[i]}, len, flags, static_cast<uint16_t>(i + 1)};
    }
    vmm::Descriptor const head{vmm::GuestAddr{slot.table},
                               static_cast<uint32_t>(count * sizeof(vmm::Descriptor)), vmm::kIndirect, 0};
    std::memcpy(ram_.host(descriptors_ + sizeof head * index), &head, sizeof head);
}

void DriverQueue::resize_part(uint16_t slot, size_t index, uint32_t len_bytes) const {
    reinterpret_cast<vmm::Descriptor*>(ram_.host(slots_[slot].table))[index].len = len_bytes;
}

void DriverQueue::offer(uint16_t slot) {
    std::memcpy(ram_.host(available_ + 4 + 2 * (offered_ % kSize)), &slot, sizeof slot);
    uint16_t const before = offered_++;
    // A full barrier between our index and the device's wish (§2.7.10).
    word<uint16_t>(ram_.host(available_ + 2)).store(offered_, std::memory_order_seq_cst);
    auto const wish = word<uint16_t>(ram_.host(used_ + 4 + 8 * kSize)).load(std::memory_order_seq_cst);
    if (static_cast<uint16_t>(offered_ - wish - 1) >= static_cast<uint16_t>(offered_ - before)) return;
    ++kicks_;
    if (::eventfd_write(kick_, 1) != 0) die("notify the device");
}

bool DriverQueue::came() const {
    return word<uint16_t>(ram_.host(used_ + 2)).load(std::memory_order_acquire) != seen_;
}

bool DriverQueue::poll(uint16_t& slot) {
    if (!came()) return false;
    uint32_t id = 0;
    std::memcpy(&id, ram_.host(used_ + 4 + 8 * (seen_ % kSize)), sizeof id);
    ++seen_;
    slot = static_cast<uint16_t>(id);
    return true;
}

uint16_t DriverQueue::wait() {
    uint16_t slot = 0;
    while (!poll(slot)) {
        word<uint16_t>(ram_.host(available_ + 4 + 2 * kSize)).store(seen_, std::memory_order_seq_cst);
        if (!came()) sleep();
    }
    return slot;
}

void DriverQueue::sleep() {
    uint64_t const begin = now_ns();
    while (now_ns() - begin < poll_ns_) {
        if (came()) return;
        if (waiting_ == Waiting::kYields)
            ::sched_yield();
        else
            __builtin_ia32_pause();
    }
    pollfd interrupt{interrupt_, POLLIN, 0};
    if (::poll(&interrupt, 1, kHungMs) != 1) die("no reply from the server");
    eventfd_t count = 0;
    ::eventfd_read(interrupt_, &count);
    if (waiting_ == Waiting::kSleeps) return;
    bool const nearly = now_ns() - begin < kMostPollNs;
    poll_ns_ = nearly ? std::clamp(poll_ns_ * 2, kFirstPollNs, kMostPollNs) : 0;
}

}  // namespace krun::bench
