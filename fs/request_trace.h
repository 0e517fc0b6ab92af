// SPDX-License-Identifier: Apache-2.0
// The last requests of a share: what was asked of which node and how that ended, without any content. Kept to
// be read when the machine has died. Any thread adds; a reader that comes meanwhile may see a request twice
// or not at all.
#pragma once
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace krun::fs {

struct TracedRequest {
    uint32_t opcode;
    uint64_t node;   // modulo 2^40
    uint32_t error;  // an errno, or 0
};

class RequestTrace {
public:
    static constexpr size_t kKept = 32;

    void add(uint32_t opcode, uint64_t node, int error) {
        uint64_t const packed = kIsThere | uint64_t{opcode & 0x7ff} << 52 |
                                uint64_t{static_cast<uint32_t>(error) & 0xfff} << 40 | (node & kNodeMask);
        // Statistics: no partner, and every word is a whole entry.
        size_t const at = next_.fetch_add(1, std::memory_order_relaxed) % kKept;
        entries_[at].store(packed, std::memory_order_relaxed);
    }

    // The oldest first.
    std::vector<TracedRequest> last() const {
        std::vector<TracedRequest> out;
        size_t const next = next_.load(std::memory_order_relaxed);
        for (size_t i = 0; i < kKept; ++i) {
            uint64_t const e = entries_[(next + i) % kKept].load(std::memory_order_relaxed);
            if ((e & kIsThere) == 0) continue;
            out.push_back({static_cast<uint32_t>(e >> 52 & 0x7ff), e & kNodeMask,
                           static_cast<uint32_t>(e >> 40 & 0xfff)});
        }
        return out;
    }

private:
    static constexpr uint64_t kIsThere = uint64_t{1} << 63;
    static constexpr uint64_t kNodeMask = (uint64_t{1} << 40) - 1;
    std::atomic<size_t> next_{0};
    std::array<std::atomic<uint64_t>, kKept> entries_{};
};

}  // namespace krun::fs
