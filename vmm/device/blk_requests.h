// SPDX-License-Identifier: Apache-2.0
// What the requests of virtio-blk (virtio-v1.2 §5.2.6) do to a Disk. Knows chains, no queues, and writes no
// status. Of use to several threads at once where its disk is (Disk::is_concurrent).
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "vmm/disk/disk.h"
#include "vmm/virtio/chain.h"

namespace krun::vmm {

struct BlkHeader {
    uint32_t type;
    uint32_t reserved;
    uint64_t sector;
};
static_assert(sizeof(BlkHeader) == 16);

enum BlkStatus : uint8_t { kOk = 0, kIoError = 1, kUnsupported = 2 };

// How a request ended: its status byte, and how many bytes before that were filled.
struct BlkOutcome {
    BlkStatus status = kOk;
    size_t filled = 0;
};

class BlkRequests {
public:
    static constexpr size_t kSerialBytes = 20;  // §5.2.6: VIRTIO_BLK_T_GET_ID
    // What one request may ask of the host's file system.
    static constexpr size_t kMaxRanges = 16;
    static constexpr uint32_t kMaxRangeSectors = uint32_t{1} << 22;  // 2 GiB

    enum class Waiting {
        kMay,     // for the host's storage, as long as that takes
        kMayNot,  // as far as the host can tell
    };

    // `serial`: at most kSerialBytes.
    BlkRequests(std::unique_ptr<Disk> disk, std::string serial);

    Disk const& disk() const { return *disk_; }
    uint64_t sectors() const { return sectors_; }
    // The driver knows no flush: each write is one (§5.2.6.2). Not while a request is served.
    void set_write_through(bool on) { write_through_ = on; }

    // Copied once, as the guest may change it; none if the chain has no whole one.
    static std::optional<BlkHeader> header_of(Chain const& chain);

    // Carries a request out. `scratch` is the caller's, to be reused. None if it would wait but may not:
    // then nothing happened, or some of what it reads was read.
    // REQUIRES: `header` is that of `chain`, which has room for a status.
    std::optional<BlkOutcome> serve(BlkHeader const& header, Chain const& chain, std::vector<iovec>& scratch,
                                    Waiting waiting);

    // How many bytes a request reads; none if it does not read, or not whole sectors of the disk.
    std::optional<size_t> bytes_to_read(BlkHeader const& header, Chain const& chain) const;
    // Part of what a request reads: `at`, in bytes of the disk, and what follows are within bytes_to_read().
    std::optional<BlkStatus> read(uint64_t at, std::span<iovec const> into, Waiting waiting);

private:
    BlkOutcome change(BlkHeader const& header, Chain const& chain, std::vector<iovec>& scratch);
    BlkOutcome write(uint64_t sector, Chain const& chain, std::vector<iovec>& scratch);
    BlkOutcome flush();
    BlkOutcome take_ranges(uint32_t type, Chain const& chain);
    BlkOutcome tell_serial(Chain const& chain) const;
    bool is_inside(uint64_t sector, uint64_t bytes) const;

    std::unique_ptr<Disk> const disk_;
    std::string const serial_;
    uint64_t const sectors_;
    bool write_through_ = false;
};

}  // namespace krun::vmm
