// SPDX-License-Identifier: Apache-2.0
// The driver's half of one split virtqueue (virtio-v1.2 §2.7) as Linux's virtio-fs driver runs it: an
// indirect table for each request, EVENT_IDX, a notification only when the device asks for one, an interrupt
// wished for whenever it waits. Unlike tests/support/guest_driver.h it is quick, keeps its buffers, and
// trusts the device.
//
// A driver that waits polls first, then sleeps, as KVM does for a processor that halts (Linux
// virt/kvm/kvm_main.c, halt_poll_ns): twice as long each time that polling was nearly enough, at most 200 us,
// and not at all after a wait that was longer.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "base/unique_fd.h"
#include "bench/driver/ram.h"
#include "vmm/virtio/queue.h"

namespace krun::bench {

// The parts of a request and its reply, in bytes.
struct Shape {
    std::vector<uint32_t> readable;
    std::vector<uint32_t> writable;
};

enum class Waiting {
    kPolls,   // as above
    kYields,  // the same, and whoever else wants its processor has it, as KVM polls on one of its own only
    kSleeps,  // at once: where there is one processor only
};

class DriverQueue {
public:
    static constexpr uint16_t kSize = 1024;
    static constexpr uint16_t kSlots = 67;  // 64 requests under way, and three for calls one by one
    static constexpr size_t kMaxParts = 260;

    DriverQueue(Ram& ram, Waiting waiting);

    vmm::QueueLayout layout() const;
    // Where notifications go, and where interrupts come from. Both eventfds.
    void connect(BorrowedFd kick, BorrowedFd interrupt) { kick_ = kick.raw(), interrupt_ = interrupt.raw(); }

    // Gives `slot` buffers of this shape. Buffers are kept for the next one of that shape.
    // REQUIRES: the slot is not offered.
    void shape(uint16_t slot, Shape const& shape);
    // Part `index` of the slot, counted over readable and writable ones.
    std::byte* part(uint16_t slot, size_t index) const { return slots_[slot].host[index]; }
    // Shortens or lengthens a part within the room that its shape gave it.
    void resize_part(uint16_t slot, size_t index, uint32_t len_bytes) const;

    // Makes the slot's request available and notifies the device if it asked for that.
    void offer(uint16_t slot);
    // The next slot that came back, once there is one; `len_bytes` of its reply were written.
    uint16_t wait();
    // The same, if one has come back.
    bool poll(uint16_t& slot);
    uint64_t kicks() const { return kicks_; }

private:
    struct Slot {
        uint64_t table = 0;  // guest address of its indirect table
        Shape shape;
        std::vector<uint64_t> guest;
        std::vector<std::byte*> host;
    };
    void sleep();
    bool came() const;

    Ram& ram_;
    Waiting const waiting_;
    int kick_ = -1;
    int interrupt_ = -1;
    uint64_t descriptors_, available_, used_;
    std::vector<Slot> slots_;
    uint16_t offered_ = 0;
    uint16_t seen_ = 0;
    uint64_t poll_ns_ = 0;
    uint64_t kicks_ = 0;
};

uint64_t now_ns();

}  // namespace krun::bench
