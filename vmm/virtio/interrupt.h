// SPDX-License-Identifier: Apache-2.0
// What a device's thread tells the driver: bits of InterruptStatus (virtio-v1.2 §4.2.2), an edge on the
// device's interrupt line, and the reason why it must be reset. Written by the worker, read and acknowledged
// by vCPUs.
#pragma once
#include <sys/eventfd.h>

#include <atomic>
#include <cstdint>

#include "base/fd.h"

namespace krun::vmm {

class Interrupt {
public:
    static constexpr uint32_t kUsedBuffers = 1;
    static constexpr uint32_t kConfigChanged = 2;

    explicit Interrupt(UniqueFd line) : line_(std::move(line)) {}

    // KVM turns each write to this eventfd into an edge.
    BorrowedFd line() const { return line_.borrow(); }

    void used_buffers() { raise(kUsedBuffers); }
    void config_changed() {
        generation_.fetch_add(1);
        raise(kConfigChanged);
    }
    // virtio-v1.2 §2.1.2: a device that needs a reset says so by a configuration interrupt.
    void needs_reset() {
        needs_reset_.store(true);
        raise(kConfigChanged);
    }

    uint32_t pending() const { return pending_.load(); }
    uint32_t generation() const { return generation_.load(); }
    bool is_reset_needed() const { return needs_reset_.load(); }
    // The bit may be raised again while the driver acknowledges: then a second edge is on its way.
    void acknowledge(uint32_t bits) { pending_.fetch_and(~bits); }
    void clear() {
        pending_.store(0);
        needs_reset_.store(false);
    }

private:
    void raise(uint32_t bit) {
        pending_.fetch_or(bit);  // before the edge, so that the driver's handler sees it
        ignore(::eventfd_write(line_.borrow().raw(), 1), "KVM consumes the counter");
    }

    UniqueFd line_;
    std::atomic<uint32_t> pending_{0};
    std::atomic<uint32_t> generation_{0};
    std::atomic<bool> needs_reset_{false};
};

}  // namespace krun::vmm
