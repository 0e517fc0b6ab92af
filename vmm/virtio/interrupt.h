// SPDX-License-Identifier: Apache-2.0
// What a device's thread tells the driver: bits of InterruptStatus (virtio-v1.2 §4.2.2), an edge on the
// device's interrupt line, and the reason why it must be reset. Written by the worker, read and acknowledged
// by vCPUs.
#pragma once
#include <atomic>
#include <cstdint>
#include <functional>

namespace krun::vmm {

class Interrupt {
public:
    static constexpr uint32_t kUsedBuffers = 1;
    static constexpr uint32_t kConfigChanged = 2;

    // `edge` raises the line; it is called on any thread, several at once.
    explicit Interrupt(std::function<void()> edge) : edge_(std::move(edge)) {}

    // Before the machine runs. From then on InterruptStatus is `word`, where the driver reads it.
    void keep_status_in(uint32_t& word) { pending_ = &word; }
    // Before the machine runs. Called before the edge that tells the driver of other registers that have
    // changed.
    void before_config_change(std::function<void()> refresh) { refresh_ = std::move(refresh); }

    void used_buffers() { raise(kUsedBuffers); }
    void config_changed() {
        generation_.fetch_add(1);
        refresh_();
        raise(kConfigChanged);
    }
    // virtio-v1.2 §2.1.2: a device that needs a reset says so by a configuration interrupt.
    void needs_reset() {
        needs_reset_.store(true);
        refresh_();
        raise(kConfigChanged);
    }

    uint32_t pending() const { return status().load(); }
    uint32_t generation() const { return generation_.load(); }
    bool is_reset_needed() const { return needs_reset_.load(); }
    // The bit may be raised again while the driver acknowledges: then a second edge is on its way.
    void acknowledge(uint32_t bits) { status().fetch_and(~bits); }
    void clear() {
        status().store(0);
        needs_reset_.store(false);
    }

private:
    void raise(uint32_t bit) {
        status().fetch_or(bit);  // before the edge, so that the driver's handler sees it
        edge_();
    }

    std::atomic_ref<uint32_t> status() const { return std::atomic_ref(*pending_); }

    std::function<void()> const edge_;
    std::function<void()> refresh_ = [] {};
    uint32_t own_word_ = 0;
    uint32_t* pending_ = &own_word_;
    std::atomic<uint32_t> generation_{0};
    std::atomic<bool> needs_reset_{false};
};

}  // namespace krun::vmm
