// SPDX-License-Identifier: Apache-2.0
#include "fs/scattered.h"

#include <algorithm>
#include <cstring>

namespace krun::fs {

// Calls f(piece) for each piece of [offset, offset + len), in order.
template <class F>
static void for_each_piece(std::span<iovec const> parts, size_t offset, size_t len, F f) {
    for (auto const& part : parts) {
        if (len == 0) return;
        if (offset >= part.iov_len) {
            offset -= part.iov_len;
            continue;
        }
        auto const n = std::min(len, part.iov_len - offset);
        f(iovec{static_cast<std::byte*>(part.iov_base) + offset, n});
        offset = 0;
        len -= n;
    }
}

size_t Scattered::copy_from(size_t offset, std::span<std::byte> out) const {
    size_t done = 0;
    for_each_piece(parts_, offset, out.size(), [&](iovec piece) {
        std::memcpy(out.data() + done, piece.iov_base, piece.iov_len);
        done += piece.iov_len;
    });
    // The guest may be writing these bytes: from here on only the copy counts. The barrier keeps the
    // compiler from going back to the original.
    asm volatile("" ::: "memory");
    return done;
}

size_t Scattered::copy_to(size_t offset, std::span<std::byte const> in) const {
    size_t done = 0;
    for_each_piece(parts_, offset, in.size(), [&](iovec piece) {
        std::memcpy(piece.iov_base, in.data() + done, piece.iov_len);
        done += piece.iov_len;
    });
    return done;
}

Scattered::Slice::Slice(Scattered const& from, size_t offset, size_t len) {
    for_each_piece(from.parts_, offset, len, [&](iovec piece) {
        if (count_ == kMaxParts) return;
        parts_[count_++] = piece;
        size_ += piece.iov_len;
    });
}

}  // namespace krun::fs
