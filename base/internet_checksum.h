// SPDX-License-Identifier: Apache-2.0
// The checksum of IP, TCP and UDP: the ones' complement of the ones' complement sum of 16-bit words (RFC
// 1071). It does not depend on the byte order: sums are of bytes as they are in memory, and are stored so.
#pragma once
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace krun {

class InternetSum {
public:
    // Every piece but the last has an even number of bytes; all of them fewer than 4 GiB.
    InternetSum& add(std::span<std::byte const> piece) {
        while (piece.size() >= sizeof(uint32_t)) add_word(piece, sizeof(uint32_t));
        if (!piece.empty()) add_word(piece, piece.size());
        return *this;
    }
    // 0xffff, or 0 for bytes that all are 0, where the pieces contain their right checksum.
    uint16_t folded() const {
        uint64_t sum = sum_;
        while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
        return static_cast<uint16_t>(sum);
    }
    uint16_t checksum() const { return static_cast<uint16_t>(~folded()); }

private:
    void add_word(std::span<std::byte const>& piece, size_t bytes) {
        uint32_t word = 0;
        std::memcpy(&word, piece.data(), bytes);
        sum_ += word;
        piece = piece.subspan(bytes);
    }

    uint64_t sum_ = 0;
};

}  // namespace krun
