// SPDX-License-Identifier: Apache-2.0
// A piece of a file that belongs at a place in guest RAM, and reading such files.
#pragma once
#include <cstdint>
#include <span>

#include "base/error.h"
#include "base/unique_fd.h"
#include "vmm/memory/guest_memory.h"

namespace krun::vmm {

// What tells the forms of kernels apart lies in here: a bzImage's setup header is the farthest.
inline constexpr size_t kKernelHeadBytes = 1024;
using KernelHead = std::span<std::byte const>;  // kKernelHeadBytes, zeroes after the file's end

struct Segment {
    uint64_t begin, end;   // guest-physical, half-open
    uint64_t file_offset;  // of the first byte
    uint64_t file_bytes;   // the rest up to `end` is zero
    bool is_written;       // by the kernel as it runs
};

// kInvalidConfig: "not a kernel we can load: RULE".
Failure<Error> bad_kernel(char const* rule, Where where = Where::current());

// As many bytes from `offset` on as there are, at most `out`; fewer only at the file's end.
Result<size_t> read_some(BorrowedFd file, uint64_t offset, std::span<std::byte> out);
// Exactly `out`, or bad_kernel.
Result<void> read_all(BorrowedFd file, uint64_t offset, std::span<std::byte> out);
Result<uint64_t> size_of(BorrowedFd file);

// Maps the segment's whole pages and copies its edges; what the kernel writes is copied (see segment.cc).
// REQUIRES: [begin, end) is in RAM, which is zero there, and the file has file_bytes from file_offset on.
Result<void> load_segment(GuestMemory& ram, BorrowedFd file, Segment const& s);

}  // namespace krun::vmm
