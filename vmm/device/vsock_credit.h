// SPDX-License-Identifier: Apache-2.0
// Credit, virtio-vsock's flow control (virtio-v1.2 §5.10.6.3): each side says how much it can buffer and
// how much it has passed on. The counters run modulo 2^32; the guest's are hostile.
#pragma once
#include <cstdint>

namespace krun::vmm {

// How much the guest lets us send.
class SendCredit {
public:
    // From every packet of the guest.
    void peer_says(uint32_t buf_alloc, uint32_t fwd_cnt) {
        peer_buffer_ = buf_alloc;
        peer_forwarded_ = fwd_cnt;
    }
    void sent(uint32_t bytes) { sent_ += bytes; }

    // Bytes. Saturates at 0: a buffer that shrank below what is in flight, or more forwarded than was ever
    // sent (which reads as nearly 2^32 in flight), must not become boundless credit.
    uint32_t available() const {
        uint32_t const in_flight = sent_ - peer_forwarded_;
        return in_flight >= peer_buffer_ ? 0 : peer_buffer_ - in_flight;
    }

private:
    uint32_t peer_buffer_ = 0;
    uint32_t peer_forwarded_ = 0;
    uint32_t sent_ = 0;
};

// How much we let the guest send at a time, and that is also the most we ever hold for it.
class ReceiveWindow {
public:
    // Four of the largest packets that Linux sends, so that it is never idle while we write one.
    static constexpr uint32_t kLargeBytes = 256 * 1024;
    // Works as well, with more credit updates.
    static constexpr uint32_t kSmallBytes = 32 * 1024;

    explicit ReceiveWindow(uint32_t bytes) : bytes_(bytes) {}
    uint32_t bytes() const { return bytes_; }

    // False: the guest sent more than it had credit for.
    bool received(uint32_t bytes) {
        if (bytes > bytes_ - held()) return false;
        received_ += bytes;
        return true;
    }
    // REQUIRES: bytes <= held().
    void forward(uint32_t bytes) { forwarded_ += bytes; }

    uint32_t held() const { return received_ - forwarded_; }
    uint32_t forwarded() const { return forwarded_; }
    // Half the window has been freed since the guest last heard of it. A guest that has used all its credit
    // is told at the latest when its last byte is passed on, so it cannot be left waiting.
    bool update_due() const { return forwarded_ - told_ >= bytes_ / 2; }
    // Every packet to the guest carries forwarded().
    void told() { told_ = forwarded_; }

private:
    uint32_t bytes_;
    uint32_t received_ = 0;
    uint32_t forwarded_ = 0;
    uint32_t told_ = 0;
};

// What all windows of a device may hold together: the first kLargeWindows connections get a large one, the
// others a small one. A window cannot shrink once the guest has heard of it.
class WindowBudget {
public:
    static constexpr uint32_t kLargeWindows = 128;  // 32 MiB

    // Bytes of the next connection's window.
    uint32_t take() {
        if (large_taken_ == kLargeWindows) return ReceiveWindow::kSmallBytes;
        ++large_taken_;
        return ReceiveWindow::kLargeBytes;
    }
    // REQUIRES: take() returned `bytes`.
    void give_back(uint32_t bytes) {
        if (bytes == ReceiveWindow::kLargeBytes) --large_taken_;
    }

private:
    uint32_t large_taken_ = 0;
};

}  // namespace krun::vmm
