// SPDX-License-Identifier: Apache-2.0
#include "vmm/device/blk_requests.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "vmm/device/iovec_slice.h"

namespace krun::vmm {
namespace {

// §5.2.6
enum Type : uint32_t { kIn = 0, kOut = 1, kFlush = 4, kGetId = 8, kDiscard = 11, kWriteZeroes = 13 };

// §5.2.6: struct virtio_blk_discard_write_zeroes
struct Range {
    uint64_t sector;
    uint32_t sectors;
    uint32_t flags;
};
static_assert(sizeof(Range) == 16);
constexpr uint32_t kUnmap = 1;

BlkStatus status_of(DiskResult const& result) {
    if (result.ok()) return kOk;
    return result.error().value == EOPNOTSUPP ? kUnsupported : kIoError;
}

}  // namespace

BlkRequests::BlkRequests(std::unique_ptr<Disk> disk, std::string serial)
    : disk_(std::move(disk)), serial_(std::move(serial)), sectors_(disk_->size_bytes() / kSectorBytes) {}

std::optional<BlkHeader> BlkRequests::header_of(Chain const& chain) {
    BlkHeader header{};
    if (chain.copy_from(0, std::as_writable_bytes(std::span(&header, 1))) != sizeof header)
        return std::nullopt;
    return header;
}

std::optional<BlkOutcome> BlkRequests::serve(BlkHeader const& header, Chain const& chain,
                                             std::vector<iovec>& scratch, Waiting waiting) {
    switch (header.type) {
        case kIn: {
            auto const bytes = bytes_to_read(header, chain);
            if (!bytes) return BlkOutcome{kIoError};
            slice_iovecs(chain.writable(), 0, *bytes, scratch);
            auto const status = read(header.sector * kSectorBytes, scratch, waiting);
            if (!status) return std::nullopt;
            return BlkOutcome{*status, *status == kOk ? *bytes : 0};
        }
        case kGetId:
            return tell_serial(chain);
        case kOut:  // into the page cache, which has room most of the time
            return change(header, chain, scratch);
        case kFlush:
        case kDiscard:
        case kWriteZeroes:
            if (waiting == Waiting::kMayNot) return std::nullopt;
            return change(header, chain, scratch);
        default:
            return BlkOutcome{kUnsupported};
    }
}

BlkOutcome BlkRequests::change(BlkHeader const& header, Chain const& chain, std::vector<iovec>& scratch) {
    // §5.2.6.2. There is nothing to flush.
    if (disk_->read_only()) return {header.type == kFlush ? kOk : kIoError};
    if (header.type == kFlush) return flush();
    return header.type == kOut ? write(header.sector, chain, scratch) : take_ranges(header.type, chain);
}

// Whole sectors, all of them on the disk.
bool BlkRequests::is_inside(uint64_t sector, uint64_t bytes) const {
    return bytes % kSectorBytes == 0 && sector <= sectors_ && bytes / kSectorBytes <= sectors_ - sector;
}

std::optional<size_t> BlkRequests::bytes_to_read(BlkHeader const& header, Chain const& chain) const {
    size_t const bytes = chain.writable_bytes() - 1;
    if (header.type != kIn || !is_inside(header.sector, bytes)) return std::nullopt;
    return bytes;
}

std::optional<BlkStatus> BlkRequests::read(uint64_t at, std::span<iovec const> into, Waiting waiting) {
    auto const result = waiting == Waiting::kMay ? disk_->read(at, into) : disk_->read_now(at, into);
    if (!result.ok() && result.error().value == EAGAIN && waiting == Waiting::kMayNot) return std::nullopt;
    return status_of(result);
}

BlkOutcome BlkRequests::write(uint64_t sector, Chain const& chain, std::vector<iovec>& scratch) {
    size_t const bytes = chain.readable_bytes() - sizeof(BlkHeader);
    if (!is_inside(sector, bytes)) return {kIoError};
    slice_iovecs(chain.readable(), sizeof(BlkHeader), bytes, scratch);
    auto const status = status_of(disk_->write(sector * kSectorBytes, scratch));
    return status == kOk && write_through_ ? flush() : BlkOutcome{status};
}

BlkOutcome BlkRequests::flush() {
    return {status_of(disk_->flush())};
}

BlkOutcome BlkRequests::take_ranges(uint32_t type, Chain const& chain) {
    std::array<Range, kMaxRanges> ranges;
    size_t const bytes = chain.readable_bytes() - sizeof(BlkHeader);
    if (bytes == 0 || bytes > sizeof ranges || bytes % sizeof(Range) != 0) return {kIoError};
    auto const wanted = std::span(ranges).first(bytes / sizeof(Range));
    chain.copy_from(sizeof(BlkHeader), std::as_writable_bytes(wanted));
    // Before the first is carried out, so that a bad one costs nothing.
    for (auto const& range : wanted) {
        // §5.2.6.2: unknown flags, and the one that discarding does not have.
        if ((range.flags & ~kUnmap) != 0 || (type == kDiscard && range.flags != 0)) return {kUnsupported};
        if (range.sectors > kMaxRangeSectors ||
            !is_inside(range.sector, uint64_t{range.sectors} * kSectorBytes))
            return {kIoError};
    }
    for (auto const& range : wanted) {
        if (range.sectors == 0) continue;
        uint64_t const at = range.sector * kSectorBytes;
        uint64_t const len = uint64_t{range.sectors} * kSectorBytes;
        auto const status =
            status_of(type == kDiscard ? disk_->discard(at, len)
                                       : disk_->write_zeroes(at, len, (range.flags & kUnmap) != 0));
        if (status != kOk) return {status};
    }
    return type == kWriteZeroes && write_through_ ? flush() : BlkOutcome{kOk};
}

BlkOutcome BlkRequests::tell_serial(Chain const& chain) const {
    std::array<char, kSerialBytes> serial{};  // no NUL if all 20 are used
    std::memcpy(serial.data(), serial_.data(), serial_.size());
    size_t const room = std::min(chain.writable_bytes() - 1, serial.size());
    return {kOk, chain.copy_to(0, std::as_bytes(std::span(serial).first(room)))};
}

}  // namespace krun::vmm
