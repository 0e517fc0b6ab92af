// SPDX-License-Identifier: Apache-2.0
// A bounded first-in first-out of bytes. Its memory is taken when the first byte waits and given back when
// none does, so an idle stream costs nothing. One thread, or its owner's lock.
#pragma once
#include <algorithm>
#include <cstddef>
#include <cstring>
#include <memory>
#include <span>

#include "base/check.h"

namespace krun::vmm {

class ByteQueue {
public:
    explicit ByteQueue(size_t max_bytes) : max_bytes_(max_bytes) {}

    size_t size() const { return size_; }
    size_t room() const { return max_bytes_ - size_; }
    bool empty() const { return size_ == 0; }

    // The oldest bytes, as many as lie together; empty only if the queue is.
    std::span<std::byte const> front() const {
        return {ring_.get() + begin_, std::min(size_, max_bytes_ - begin_)};
    }
    // REQUIRES: bytes <= size().
    void consume(size_t bytes) {
        KRUN_CHECK(bytes <= size_, "consumed more than there is");
        size_ -= bytes;
        begin_ = (begin_ + bytes) % max_bytes_;
        if (size_ == 0) clear();
    }
    // Where the next bytes go, as much as lies together; empty only if there is no room.
    std::span<std::byte> back() {
        if (!ring_) ring_ = std::make_unique_for_overwrite<std::byte[]>(max_bytes_);
        size_t const end = (begin_ + size_) % max_bytes_;
        return {ring_.get() + end, std::min(room(), max_bytes_ - end)};
    }
    // `bytes` were written to back(). REQUIRES: bytes <= back().size().
    void commit(size_t bytes) {
        KRUN_CHECK(bytes <= room(), "committed more than there was room for");
        size_ += bytes;
    }
    // Takes as much of `in` as there is room for; returns how much.
    size_t append(std::span<std::byte const> in) {
        size_t taken = 0;
        while (taken < in.size() && room() > 0) {
            auto const to = back();
            size_t const n = std::min(to.size(), in.size() - taken);
            std::memcpy(to.data(), in.data() + taken, n);
            commit(n);
            taken += n;
        }
        return taken;
    }
    void clear() {
        ring_.reset();
        begin_ = 0;
        size_ = 0;
    }

private:
    size_t max_bytes_;
    std::unique_ptr<std::byte[]> ring_;
    size_t begin_ = 0;
    size_t size_ = 0;
};

}  // namespace krun::vmm
