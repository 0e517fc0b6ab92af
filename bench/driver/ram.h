// SPDX-License-Identifier: Apache-2.0
// The RAM of a guest that has a driver and nothing else. For our server it is what a machine of ours has; for
// one in another process it is a memfd that both map.
#pragma once
#include <sys/uio.h>

#include <cstddef>
#include <cstdint>

#include "base/unique_fd.h"
#include "vmm/memory/guest_memory.h"

namespace krun::bench {

enum class RamKind { kPrivate, kShared };

class Ram {
public:
    Ram(uint64_t len_bytes, RamKind kind);

    vmm::GuestMemory const& guest() const { return guest_; }
    uint64_t size_bytes() const { return guest_.size_bytes(); }
    // The memfd behind it; none if it is private.
    BorrowedFd file() const { return file_.borrow(); }
    std::byte* host(uint64_t guest_address) const { return base_ + guest_address; }
    // Whole pages, never given back; zeroed.
    uint64_t allocate(uint64_t len_bytes);

private:
    vmm::GuestMemory guest_;
    UniqueFd file_;
    std::byte* base_ = nullptr;
    uint64_t next_ = 4096;  // address 0 stays unused
};

// Ends the program: a benchmark that cannot be set up has no result.
[[noreturn]] void die(char const* what);

}  // namespace krun::bench
