// SPDX-License-Identifier: Apache-2.0
// A run of bytes that lies in several pieces, perhaps in guest memory. Bytes are copied in and out by value;
// the pieces themselves go only to the kernel.
#pragma once
#include <sys/uio.h>

#include <array>
#include <cstddef>
#include <span>

namespace krun::fs {

class Scattered {
public:
    explicit Scattered(std::span<iovec const> parts) : parts_(parts) {
        for (auto const& part : parts) size_ += part.iov_len;
    }
    size_t size() const { return size_; }

    // Copies bytes from `offset` on into `out`; returns how many there were.
    size_t copy_from(size_t offset, std::span<std::byte> out) const;
    // Copies `in` to `offset` on; returns how many bytes had a place.
    size_t copy_to(size_t offset, std::span<std::byte const> in) const;

    // [offset, offset + len), clipped to what there is.
    class Slice {
    public:
        Slice(Scattered const& from, size_t offset, size_t len);
        std::span<iovec const> parts() const { return {parts_.data(), count_}; }
        size_t size() const { return size_; }

    private:
        // What one preadv2 takes (UIO_MAXIOV). A Linux guest's largest request has 256 pages; what lies
        // beyond is left out, as if the request had been shorter.
        static constexpr size_t kMaxParts = 1024;
        std::array<iovec, kMaxParts> parts_;
        size_t count_ = 0;
        size_t size_ = 0;
    };

private:
    std::span<iovec const> parts_;
    size_t size_ = 0;
};

}  // namespace krun::fs
