// SPDX-License-Identifier: Apache-2.0
// What a virtio device implements, and what it is given. A device sees queues, an event loop and interrupts;
// never the transport or KVM. All methods run on the device's own thread, except where said.
#pragma once
#include <chrono>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "base/event_loop.h"
#include "base/result.h"
#include "vmm/memory/guest_memory.h"
#include "vmm/virtio/queue.h"

namespace krun::vmm {

// virtio-v1.2 §5
enum class DeviceId : uint32_t {
    kNone = 0,  // a place without a device (§4.2.3.1)
    kNet = 1,
    kBlock = 2,
    kConsole = 3,
    kRng = 4,
    kBalloon = 5,
    kVsock = 19,
    kFs = 26
};

// Valid from activate() to reset(). Owned by the worker that owns the device.
class DeviceContext {
public:
    virtual ~DeviceContext() = default;
    virtual uint64_t driver_features() const = 0;  // what the driver accepted
    virtual uint16_t queue_count() const = 0;
    // Null if the driver left queue `index` disabled.
    virtual Queue* queue(uint16_t index) = 0;
    // For the device's own descriptors. Remove each watch in reset().
    virtual EventLoop& loop() = 0;
    // Tells the driver that the configuration space changed (virtio-v1.2 §2.3).
    virtual void config_changed() = 0;
    // Interrupts the driver now, if it wants that, for what was put into the used rings so far. The worker
    // does so after every dispatch; for a device that has long work left in this one.
    virtual void tell_driver() = 0;
    // For faults found outside handle_queue: marks the device NEEDS_RESET (virtio-v1.2 §2.1.2).
    virtual void fault(GuestFault fault) = 0;
};

// After every dispatch (a queue notification, or a handler of the device in the loop) the worker looks at
// each queue and interrupts the driver once if something was put in its used ring and the driver wants to
// know. So devices push used buffers and never think about interrupts.
class VirtioDevice {
public:
    // Queues that a thread of its own serves, as a device that has these alone, under the same numbers. It
    // may refer to the device that it is of, which outlives it.
    struct Lane {
        std::unique_ptr<VirtioDevice> device;
        std::vector<uint16_t> queues;
    };
    virtual ~VirtioDevice() = default;

    virtual DeviceId id() const = 0;
    virtual std::string_view name() const = 0;                  // for messages and the thread's name
    virtual uint64_t features() const { return 0; }             // beyond VERSION_1, EVENT_IDX, INDIRECT_DESC
    virtual std::span<uint16_t const> queue_sizes() const = 0;  // entries, powers of two

    // Asked once, before anything else. All lanes are reset before the device is. Where the host gives no
    // thread for one, the device gets its queues as any other.
    virtual std::vector<Lane> take_lanes() { return {}; }
    // How long the worker watches the queues for another request before it sleeps (patience.h); 0: not at
    // all.
    virtual std::chrono::nanoseconds patience() const { return {}; }
    // Whether KVM is to take the driver's notifications. It waits for a grace period of the whole kernel for
    // each device whose it takes; for a device that is seldom notified an exit costs less.
    virtual bool is_notified_often() const { return true; }
    // Whether what the driver puts into queue `index` has no hurry. While the worker is busy with others it
    // finds it anyway, so the driver notifies it of several at once; it looks there a last time before it
    // sleeps for long.
    virtual bool has_no_hurry(uint16_t /*index*/) const { return false; }
    // Looked at while the worker watches, beside the queues: work that came in some other way. True if it
    // did.
    virtual bool look() { return false; }

    // Threads of the device's own beside the worker's, under the same filter; there may be fewer, where the
    // host gives no more. Each runs help() once, until end_help(), which is called after the last reset().
    virtual unsigned helpers() const { return 0; }
    virtual void help() {}
    virtual void end_help() {}

    // Copies the configuration space from `offset` on; bytes past its end read 0 (virtio-v1.2 §2.5).
    // Called on vCPU threads: must be thread-safe and must not block.
    virtual void read_config(uint32_t offset, std::span<std::byte> out) const = 0;
    // Most devices have no writable field.
    virtual void write_config(uint32_t /*offset*/, std::span<std::byte const> /*in*/) {}

    // The driver set DRIVER_OK: queues are proved and latched. `context` lives until reset().
    virtual Result<void> activate(DeviceContext& context) = 0;
    // The driver made buffers available on queue `index`. A GuestFault marks the device NEEDS_RESET; it
    // never ends the VM.
    virtual Result<void, GuestFault> handle_queue(uint16_t index) = 0;
    // Forget everything since activate(); the queues are gone when this returns.
    virtual void reset() = 0;
};

}  // namespace krun::vmm
