// SPDX-License-Identifier: Apache-2.0
#include "vmm/device/blk.h"

#include <algorithm>
#include <utility>

#include "vmm/device/config_bytes.h"
#include "vmm/device/iovec_slice.h"

namespace krun::vmm {
namespace {

// Room for a request of 1 MiB in single pages.
constexpr uint16_t kQueueSize = 256;
constexpr uint32_t kMaxSegments = kQueueSize - 2;  // a request has a header and a status, too

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

// Of what one request reads is copied at once by one thread: much longer than waking another takes.
constexpr size_t kPieceBytes = 256 << 10;
constexpr size_t kMaxPieces = 8;

constexpr uint32_t kMaxCopiers = 3;
// Threads that sleep cost a container little, and each is counted in its limit of processes.
constexpr unsigned kWaiters = 3;

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

}  // namespace

Result<std::unique_ptr<Blk>> Blk::make(DiskSpec spec, uint32_t vcpus, uint32_t host_cpus) {
    if (spec.serial.empty() || spec.serial.size() > BlkRequests::kSerialBytes)
        return fail(
            Error(Errc::kInvalidConfig, "a disk's serial must have 1 to 20 bytes: \"" + spec.serial + "\""));
    auto const queues = static_cast<uint16_t>(std::clamp<uint32_t>(vcpus, 1, kMaxQueues));
    // The device's own thread copies, too.
    auto const copiers = std::clamp<uint32_t>(host_cpus, 1, kMaxCopiers + 1) - 1;
    auto returns = TRY(Returns<Job>::make());
    return std::unique_ptr<Blk>(new Blk(std::move(spec), queues, copiers, std::move(returns)));
}

Blk::Blk(DiskSpec spec, uint16_t queues, unsigned copiers, std::unique_ptr<Returns<Job>> returns)
    : name_("blk-" + spec.serial),
      requests_(std::move(spec.disk), std::move(spec.serial)),
      queue_sizes_(queues, kQueueSize),
      returns_(std::move(returns)),
      copiers_wanted_(copiers),
      copiers_([this](Job& job) { serve(job, Waiting::kMay); }),
      waiters_([this](Job& job) { serve(job, Waiting::kMay); }) {}

uint64_t Blk::features() const {
    uint64_t const common = kFeatureSegMax | kFeatureBlkSize | kFeatureFlush | kFeatureMultiQueue;
    bool const read_only = requests_.disk().read_only();
    return common | (read_only ? kFeatureReadOnly : kFeatureDiscard | kFeatureWriteZeroes);
}

unsigned Blk::helpers() const {
    return requests_.disk().is_concurrent() ? copiers_wanted_ + kWaiters : 0;
}

void Blk::help() {
    bool const copies = helpers_come_.fetch_add(1, std::memory_order_relaxed) < copiers_wanted_;
    (copies ? copiers_ : waiters_).run();
}

void Blk::end_help() {
    copiers_.stop();
    waiters_.stop();
}

void Blk::read_config(uint32_t offset, std::span<std::byte> out) const {
    BlkConfig config{};
    config.capacity = requests_.sectors();
    config.seg_max = kMaxSegments;
    config.blk_size = kSectorBytes;
    config.num_queues = static_cast<uint16_t>(queue_sizes_.size());
    config.max_discard_sectors = config.max_write_zeroes_sectors = BlkRequests::kMaxRangeSectors;
    config.max_discard_seg = config.max_write_zeroes_seg = BlkRequests::kMaxRanges;
    config.discard_sector_alignment =
        static_cast<uint32_t>(requests_.disk().discard_granularity() / kSectorBytes);
    config.write_zeroes_may_unmap = 1;
    read_config_bytes(config, offset, out);
}

Result<void> Blk::activate(DeviceContext& context) {
    context_ = &context;
    requests_.set_write_through((context.driver_features() & kFeatureFlush) == 0);
    return context.loop().add(returns_->event(), EPOLLIN | EPOLLET, [this](uint32_t) { collect(); });
}

void Blk::reset() {
    if (context_ == nullptr) return;
    context_->loop().remove(returns_->event());
    returns_->drain();
    spare_.clear();
    kept_.clear();
    context_ = nullptr;
}

// What comes while pieces are made is served between two of them.
Result<void, GuestFault> Blk::handle_queue(uint16_t index) {
    Queue* const queue = context_->queue(index);
    if (queue == nullptr) return {};
    do {
        while (TRY(queue->pop(chain_))) TRY(take(index));
    } while (do_piece());
    return {};
}

// A request without room for a status, or without a header, is still returned: it is a task that would hang
// in the guest.
Result<void, GuestFault> Blk::take(uint16_t index) {
    if (chain_.writable_bytes() == 0) return give_back(index, chain_, {});
    auto const header = BlkRequests::header_of(chain_);
    if (!header) return give_back(index, chain_, {kIoError});
    if (auto const bytes = requests_.bytes_to_read(*header, chain_);
        bytes && is_for_many(*bytes, *context_->queue(index))) {
        cut(keep(index, *header), *bytes);
        return {};
    }
    auto const waiting = waiters_.any() ? Waiting::kMayNot : Waiting::kMay;
    if (auto const outcome = requests_.serve(*header, chain_, data_, waiting))
        return give_back(index, chain_, *outcome);
    leave_to_helper(keep(index, *header));
    return {};
}

// A single piece is worth it when there is something else to do meanwhile.
bool Blk::is_for_many(size_t bytes, Queue const& queue) const {
    return copiers_.any() && bytes >= kLargeBytes && (bytes > kPieceBytes || queue.has_more());
}

Blk::Request& Blk::keep(uint16_t queue, BlkHeader const& header) {
    if (spare_.empty()) spare_.push_back(kept_.emplace_back(std::make_unique<Request>()).get());
    auto& request = *spare_.back();
    spare_.pop_back();
    request.queue = queue;
    request.header = header;
    request.outcome = {};
    std::swap(request.chain, chain_);
    return request;
}

void Blk::leave_to_helper(Request& request) {
    auto job = returns_->begin();
    job->request = &request;
    job->parts = 0;
    request.jobs_left = 1;
    waiters_.hand_over(std::move(job));
}

void Blk::cut(Request& request, size_t bytes) {
    size_t const most = bytes / kMaxPieces + kSectorBytes;
    size_t const piece = std::max(kPieceBytes, most - most % kSectorBytes);
    request.data.clear();
    for (size_t done = 0; done < bytes; done += piece) {
        slice_iovecs(request.chain.writable(), done, std::min(piece, bytes - done), data_);
        auto& job = pieces_.emplace_back(returns_->begin());
        job->request = &request;
        job->at = request.header.sector * kSectorBytes + done;
        job->first = request.data.size();
        job->parts = data_.size();
        request.data.insert(request.data.end(), data_.begin(), data_.end());
    }
    request.jobs_left = pieces_.size();
    for (auto& job : pieces_) copiers_.hand_over(std::move(job));
    pieces_.clear();
}

bool Blk::do_piece() {
    auto job = copiers_.take_back();
    if (!job) return false;
    auto const waiting = waiters_.any() ? Waiting::kMayNot : Waiting::kMay;
    if (serve(*job, waiting))
        returns_->put_own(std::move(job));
    else
        waiters_.hand_over(std::move(job));
    collect();
    return true;
}

bool Blk::serve(Job& job, Waiting waiting) {
    auto& request = *job.request;
    if (job.parts == 0) {
        auto const outcome = requests_.serve(request.header, request.chain, request.data, waiting);
        job.outcome = outcome.value_or(BlkOutcome{});
        return outcome.has_value();
    }
    auto const parts = std::span<iovec const>(request.data).subspan(job.first, job.parts);
    auto const status = requests_.read(job.at, parts, waiting);
    job.outcome.status = status.value_or(kOk);
    return status.has_value();
}

bool Blk::collect() {
    if (!returns_->has_done()) return false;
    auto done = returns_->take_done();
    for (auto const& job : done) finish(*job);
    returns_->recycle(std::move(done));
    return true;
}

void Blk::finish(Job const& job) {
    auto& request = *job.request;
    if (job.parts == 0) request.outcome = job.outcome;
    if (job.outcome.status != kOk) request.outcome.status = job.outcome.status;
    if (--request.jobs_left > 0) return;
    if (job.parts > 0 && request.outcome.status == kOk)
        request.outcome.filled = request.chain.writable_bytes() - 1;
    spare_.push_back(&request);
    if (auto const given = give_back(request.queue, request.chain, request.outcome); !given.ok())
        context_->fault(given.error());
}

Result<void, GuestFault> Blk::give_back(uint16_t index, Chain const& chain, BlkOutcome outcome) {
    size_t const room = chain.writable_bytes();
    uint32_t used = 0;
    if (room > 0) {
        // §5.2.6: the status is the last writable byte. §2.7.8.2: bytes that were not written must not be
        // said to be.
        std::byte const status{outcome.status};
        chain.copy_to(room - 1, {&status, 1});
        used = static_cast<uint32_t>(outcome.filled + 1 == room ? room : outcome.filled);
    }
    TRY(context_->queue(index)->push_used(chain, used));
    // More of this size may follow: the guest must not wait for all of it to hear of the first.
    if (chain.readable_bytes() + room >= kLargeBytes) context_->tell_driver();
    return {};
}

}  // namespace krun::vmm
