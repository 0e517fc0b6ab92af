// SPDX-License-Identifier: Apache-2.0
// One mmap region, unmapped once.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

#include "base/error.h"
#include "base/unique_fd.h"

namespace krun {

class Mapping {
public:
    Mapping() = default;
    // Zero-filled private memory, not reserved in swap: guest RAM is mostly never touched. Whole pages; as
    // long as a huge page of 2 MiB or longer, it begins at a multiple of that.
    static Result<Mapping> anonymous(size_t len_bytes);
    // [offset, offset + len) of `fd`, read-only and shared with the page cache.
    static Result<Mapping> file_read_only(BorrowedFd fd, uint64_t offset_bytes, size_t len_bytes);
    // [0, len) of `fd`, writable; writes are seen by whoever else maps it.
    static Result<Mapping> file_shared(BorrowedFd fd, size_t len_bytes);

    Mapping(Mapping&& other) noexcept : bytes_(std::exchange(other.bytes_, {})) {}
    Mapping& operator=(Mapping&& other) noexcept;
    ~Mapping();

    std::span<std::byte> bytes() const { return bytes_; }

private:
    explicit Mapping(std::span<std::byte> bytes) : bytes_(bytes) {}
    std::span<std::byte> bytes_;
};

}  // namespace krun
