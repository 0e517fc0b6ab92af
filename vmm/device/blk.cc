// SPDX-License-Identifier: Apache-2.0
#include "vmm/device/blk.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "vmm/device/config_bytes.h"
#include "vmm/device/iovec_slice.h"

namespace krun::vmm {
namespace {

// Room for a request of 1 MiB in single pages.
constexpr uint16_t kQueueSize = 256;
constexpr uint32_t kMaxSegments = kQueueSize - 2;  // a request has a header and a status, too
constexpr size_t kSerialBytes = 20;                // §5.2.6: VIRTIO_BLK_T_GET_ID

// Of a request: from here on carrying it out takes longer than an interrupt.
constexpr size_t kLargeBytes = 64 << 10;

// §5.2.3
constexpr uint64_t kFeatureSegMax = uint64_t{1} << 2;
constexpr uint64_t kFeatureReadOnly = uint64_t{1} << 5;
constexpr uint64_t kFeatureBlkSize = uint64_t{1} << 6;
constexpr uint64_t kFeatureFlush = uint64_t{1} << 9;
constexpr uint64_t kFeatureMultiQueue = uint64_t{1} << 12;
constexpr uint64_t kFeatureDiscard = uint64_t{1} << 13;
constexpr uint64_t kFeatureWriteZeroes = uint64_t{1} << 14;

// §5.2.6
enum RequestType : uint32_t { kIn = 0, kOut = 1, kFlush = 4, kGetId = 8, kDiscard = 11, kWriteZeroes = 13 };
enum Status : uint8_t { kOk = 0, kIoError = 1, kUnsupported = 2 };

struct RequestHeader {
    uint32_t type;
    uint32_t reserved;
    uint64_t sector;
};
static_assert(sizeof(RequestHeader) == 16);

// §5.2.6: struct virtio_blk_discard_write_zeroes
struct Range {
    uint64_t sector;
    uint32_t sectors;
    uint32_t flags;
};
static_assert(sizeof(Range) == 16);
constexpr uint32_t kUnmap = 1;

// What one request may ask of the host's file system while the others wait.
constexpr size_t kMaxRanges = 16;
constexpr uint32_t kMaxRangeSectors = uint32_t{1} << 22;  // 2 GiB

// §5.2.4
struct BlkConfig {
    uint64_t capacity;
    uint32_t size_max;
    uint32_t seg_max;
    uint16_t cylinders;
    uint8_t heads;
    uint8_t sectors;
    uint32_t blk_size;
    uint8_t physical_block_exp;
    uint8_t alignment_offset;
    uint16_t min_io_size;
    uint32_t opt_io_size;
    uint8_t writeback;
    uint8_t unused0;
    uint16_t num_queues;
    uint32_t max_discard_sectors;
    uint32_t max_discard_seg;
    uint32_t discard_sector_alignment;
    uint32_t max_write_zeroes_sectors;
    uint32_t max_write_zeroes_seg;
    uint8_t write_zeroes_may_unmap;
    uint8_t unused1[3];
    uint32_t max_secure_erase_sectors;
};
static_assert(sizeof(BlkConfig) == 64);

Status status_of(DiskResult const& result) {
    if (result.ok()) return kOk;
    return result.error().value == EOPNOTSUPP ? kUnsupported : kIoError;
}

}  // namespace

Result<std::unique_ptr<Blk>> Blk::make(DiskSpec spec, uint32_t vcpus) {
    if (spec.serial.empty() || spec.serial.size() > kSerialBytes)
        return fail(
            Error(Errc::kInvalidConfig, "a disk's serial must have 1 to 20 bytes: \"" + spec.serial + "\""));
    auto const queues = static_cast<uint16_t>(std::clamp<uint32_t>(vcpus, 1, kMaxQueues));
    return std::unique_ptr<Blk>(new Blk(std::move(spec), queues));
}

Blk::Blk(DiskSpec spec, uint16_t queues)
    : serial_(std::move(spec.serial)),
      name_("blk-" + serial_),
      disk_(std::move(spec.disk)),
      sectors_(disk_->size_bytes() / kSectorBytes),
      queue_sizes_(queues, kQueueSize) {}

uint64_t Blk::features() const {
    uint64_t const common = kFeatureSegMax | kFeatureBlkSize | kFeatureFlush | kFeatureMultiQueue;
    return common | (disk_->read_only() ? kFeatureReadOnly : kFeatureDiscard | kFeatureWriteZeroes);
}

void Blk::read_config(uint32_t offset, std::span<std::byte> out) const {
    BlkConfig config{};
    config.capacity = sectors_;
    config.seg_max = kMaxSegments;
    config.blk_size = kSectorBytes;
    config.num_queues = static_cast<uint16_t>(queue_sizes_.size());
    config.max_discard_sectors = config.max_write_zeroes_sectors = kMaxRangeSectors;
    config.max_discard_seg = config.max_write_zeroes_seg = kMaxRanges;
    config.discard_sector_alignment = static_cast<uint32_t>(disk_->discard_granularity() / kSectorBytes);
    config.write_zeroes_may_unmap = 1;
    read_config_bytes(config, offset, out);
}

Result<void> Blk::activate(DeviceContext& context) {
    context_ = &context;
    write_through_ = (context.driver_features() & kFeatureFlush) == 0;
    return {};
}

// The last writable byte is the status (§5.2.6); a request without one, or without a header, is still
// returned: it is a task that would hang in the guest.
Result<void, GuestFault> Blk::handle_queue(uint16_t index) {
    Queue* const queue = context_->queue(index);
    while (queue != nullptr && TRY(queue->pop(chain_))) {
        size_t const room = chain_.writable_bytes();
        uint32_t used = 0;
        if (room > 0) {
            auto const outcome = serve();
            std::byte const status{outcome.status};
            chain_.copy_to(room - 1, {&status, 1});
            // §2.7.8.2: bytes that were not written must not be said to be.
            used = static_cast<uint32_t>(outcome.filled + 1 == room ? room : outcome.filled);
        }
        TRY(queue->push_used(chain_, used));
        // More of this size may follow: the guest must not wait for all of it to hear of the first.
        if (chain_.readable_bytes() + room >= kLargeBytes) context_->tell_driver();
    }
    return {};
}

Blk::Outcome Blk::serve() {
    RequestHeader header{};
    if (chain_.copy_from(0, std::as_writable_bytes(std::span(&header, 1))) != sizeof header)
        return {kIoError};
    bool const writes = header.type == kOut || header.type == kDiscard || header.type == kWriteZeroes;
    if (writes && disk_->read_only()) return {kIoError};  // §5.2.6.2
    switch (header.type) {
        case kIn:
            return read(header.sector);
        case kOut:
            return write(header.sector);
        case kFlush:
            return flush();
        case kGetId:
            return tell_serial();
        case kDiscard:
        case kWriteZeroes:
            return take_ranges(header.type);
        default:
            return {kUnsupported};
    }
}

// Whole sectors, all of them on the disk.
bool Blk::is_inside(uint64_t sector, uint64_t bytes) const {
    return bytes % kSectorBytes == 0 && sector <= sectors_ && bytes / kSectorBytes <= sectors_ - sector;
}

Blk::Outcome Blk::read(uint64_t sector) {
    size_t const bytes = chain_.writable_bytes() - 1;
    if (!is_inside(sector, bytes)) return {kIoError};
    slice_iovecs(chain_.writable(), 0, bytes, data_);
    auto const status = status_of(disk_->read(sector * kSectorBytes, data_));
    return {status, status == kOk ? bytes : 0};
}

Blk::Outcome Blk::write(uint64_t sector) {
    size_t const bytes = chain_.readable_bytes() - sizeof(RequestHeader);
    if (!is_inside(sector, bytes)) return {kIoError};
    slice_iovecs(chain_.readable(), sizeof(RequestHeader), bytes, data_);
    auto const status = status_of(disk_->write(sector * kSectorBytes, data_));
    return status == kOk && write_through_ ? flush() : Outcome{status};
}

Blk::Outcome Blk::flush() {
    if (disk_->read_only()) return {kOk};
    return {status_of(disk_->flush())};
}

Blk::Outcome Blk::take_ranges(uint32_t type) {
    std::array<Range, kMaxRanges> ranges;
    size_t const bytes = chain_.readable_bytes() - sizeof(RequestHeader);
    if (bytes == 0 || bytes > sizeof ranges || bytes % sizeof(Range) != 0) return {kIoError};
    auto const wanted = std::span(ranges).first(bytes / sizeof(Range));
    chain_.copy_from(sizeof(RequestHeader), std::as_writable_bytes(wanted));
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
    return type == kWriteZeroes && write_through_ ? flush() : Outcome{kOk};
}

Blk::Outcome Blk::tell_serial() {
    std::array<char, kSerialBytes> serial{};  // no NUL if all 20 are used
    std::memcpy(serial.data(), serial_.data(), serial_.size());
    size_t const room = std::min(chain_.writable_bytes() - 1, serial.size());
    return {kOk, chain_.copy_to(0, std::as_bytes(std::span(serial).first(room)))};
}

}  // namespace krun::vmm
