// SPDX-License-Identifier: Apache-2.0
// A disk as the block device sees it: a fixed number of bytes that are read and written anywhere. One thread
// uses it at a time, unless it says otherwise. All offsets and lengths are bytes, whole sectors and inside
// the disk: the device has checked the guest's numbers before. Calls block as long as the host's storage
// takes.
#pragma once
#include <sys/uio.h>

#include <cstdint>
#include <span>

#include "base/error.h"
#include "base/result.h"

namespace krun::vmm {

inline constexpr uint64_t kSectorBytes = 512;  // virtio-v1.2 §5.2.4: the unit of every sector number

using DiskResult = Result<void, Errno>;

class Disk {
public:
    virtual ~Disk() = default;

    virtual uint64_t size_bytes() const = 0;  // whole sectors
    virtual bool read_only() const = 0;       // then nothing but read() is called
    // What discard() can take away at once, in bytes; smaller and unaligned parts stay as they are.
    virtual uint64_t discard_granularity() const = 0;
    // Whether several threads may use it at once.
    virtual bool is_concurrent() const { return false; }

    // The parts are guest RAM, which the guest may change meanwhile; they are not empty.
    virtual DiskResult read(uint64_t at, std::span<iovec const> into) = 0;
    // The same, but EAGAIN rather than to wait for the storage, where the host can tell; some parts may have
    // been filled. One thread at a time.
    virtual DiskResult read_now(uint64_t at, std::span<iovec const> into) { return read(at, into); }
    virtual DiskResult write(uint64_t at, std::span<iovec const> from) = 0;
    // What was written before survives the host's power failure when this returns.
    virtual DiskResult flush() = 0;
    // Gives the range back to the host where that is possible. EOPNOTSUPP: the host cannot.
    virtual DiskResult discard(uint64_t at, uint64_t len) = 0;
    // The range reads as zeros; `may_unmap`: its room may be given back, too. EOPNOTSUPP: the host cannot.
    virtual DiskResult write_zeroes(uint64_t at, uint64_t len, bool may_unmap) = 0;
};

}  // namespace krun::vmm
