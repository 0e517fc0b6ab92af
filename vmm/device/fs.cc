// SPDX-License-Identifier: Apache-2.0
#include "vmm/device/fs.h"

#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "vmm/device/config_bytes.h"

namespace krun::vmm {
namespace {

// Linux limits a request to (queue size - 4) pages; 260 entries are needed for the 256 pages that FUSE
// allows at most, and this is the next power of two with room for more than one such request.
constexpr uint16_t kQueueSize = 1024;
constexpr uint16_t kMaxRequestQueues = 64;
// From here on copying takes longer than waking a helper.
constexpr size_t kLargeBytes = 64 << 10;
// A lock may be let go by another machine or a process of the host, of which nothing tells.
constexpr long kParkedNanoseconds = 20'000'000;

// virtio-v1.2 §5.11.4. Without VIRTIO_FS_F_NOTIFICATION the driver does not look at notify_buf_size.
struct FsConfig {
    char tag[36];
    uint32_t num_request_queues;
};
static_assert(sizeof(FsConfig) == 40);

}  // namespace

Result<std::unique_ptr<Fs>> Fs::make(Share share, uint16_t request_queues) {
    if (share.tag.empty() || share.tag.size() > sizeof(FsConfig::tag))
        return fail(
            Error(Errc::kInvalidConfig, "a share's tag must have 1 to 36 bytes: \"" + share.tag + "\""));
    if (request_queues == 0 || request_queues > kMaxRequestQueues)
        return fail(Error(Errc::kInvalidConfig, "a share must have 1 to 64 request queues"));
    auto helpers = TRY(FsHelpers::make(share.server));
    int const fd = ::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    if (fd < 0) return fail(Error::sys("timerfd_create"));
    UniqueFd timer(fd);
    return std::unique_ptr<Fs>(
        new Fs(std::move(share), request_queues, std::move(helpers), std::move(timer)));
}

Fs::Fs(Share share, uint16_t request_queues, std::unique_ptr<FsHelpers> helpers, UniqueFd timer)
    : share_(std::move(share)),
      name_("fs-" + share_.tag),
      queue_sizes_(size_t{1} + request_queues, kQueueSize),
      helpers_(std::move(helpers)),
      timer_(std::move(timer)) {}

void Fs::read_config(uint32_t offset, std::span<std::byte> out) const {
    FsConfig config{.tag = {}, .num_request_queues = static_cast<uint32_t>(queue_sizes_.size() - 1)};
    std::memcpy(config.tag, share_.tag.data(), share_.tag.size());  // no NUL if all 36 are used
    read_config_bytes(config, offset, out);
}

Result<void> Fs::activate(DeviceContext& context) {
    context_ = &context;
    TRY(context.loop().add(timer_.borrow(), EPOLLIN, [this](uint32_t) {
        uint64_t expirations = 0;
        ignore(::read(timer_.borrow().raw(), &expirations, sizeof expirations),
               "only that it expired counts");
        auto const served = serve_parked();
        if (!served.ok()) context_->fault(served.error());
    }));
    return context.loop().add(helpers_->event(), EPOLLIN | EPOLLET, [this](uint32_t) { collect(); });
}

void Fs::reset() {
    if (!context_) return;
    context_->loop().remove(helpers_->event());
    context_->loop().remove(timer_.borrow());
    parked_.clear();
    set_timer(false);
    helpers_->drain();
    share_.server->reset();
    context_ = nullptr;
}

// Every chain goes back, also one that the server can make nothing of: a lost one would be a task that hangs
// in the guest for ever. Hiprio carries FORGET and INTERRUPT (§5.11.6); they need no other treatment here.
Result<void, GuestFault> Fs::handle_queue(uint16_t index) {
    Queue* const queue = context_->queue(index);
    while (queue && TRY(queue->pop(chain_))) {
        if (is_for_helpers(*queue)) {
            helpers_->hand_over(index, chain_);
            continue;
        }
        size_t const bytes = chain_.readable_bytes() + chain_.writable_bytes();
        auto const waiting =
            parked_.size() < kMaxParked ? fs::Server::Waiting::kMay : fs::Server::Waiting::kMayNot;
        uint32_t const written = share_.server->serve(chain_.readable(), chain_.writable(), waiting);
        if (written == fs::Server::kLater) {
            park(index);
            continue;
        }
        TRY(give_back(*queue, chain_, written));
        if (bytes < kLargeBytes) continue;
        // More of this size may follow: the guest must not wait for all of it to hear of the first.
        collect();
        context_->tell_driver();
    }
    return serve_parked();
}

void Fs::park(uint16_t queue) {
    if (parked_.empty()) set_timer(true);
    parked_.push_back({queue, std::exchange(chain_, Chain{})});
}

Result<void, GuestFault> Fs::serve_parked() {
    if (parked_.empty()) return {};
    for (auto at = parked_.begin(); at != parked_.end();) {
        uint32_t const written = share_.server->serve(at->chain.readable(), at->chain.writable());
        if (written == fs::Server::kLater) {
            ++at;
            continue;
        }
        auto const given = give_back(*context_->queue(at->queue), at->chain, written);
        at = parked_.erase(at);
        TRY(given);
    }
    if (parked_.empty()) set_timer(false);
    return {};
}

void Fs::set_timer(bool on) {
    itimerspec const when = on ? itimerspec{{0, kParkedNanoseconds}, {0, kParkedNanoseconds}} : itimerspec{};
    ignore(::timerfd_settime(timer_.borrow().raw(), 0, &when, nullptr), "fails for bad arguments only");
}

bool Fs::is_for_helpers(Queue const& queue) const {
    if (chain_.readable_bytes() + chain_.writable_bytes() >= kLargeBytes)
        return queue.has_more() && helpers_->idle() > 0;
    return fs::Server::may_wait(chain_.readable()) && helpers_->any();
}

bool Fs::collect() {
    if (!helpers_->has_done()) return false;
    auto done = helpers_->take_done();
    for (auto const& job : done) {
        auto const given = give_back(*context_->queue(job->queue), job->chain, job->written);
        if (!given.ok()) context_->fault(given.error());
    }
    helpers_->recycle(std::move(done));
    return true;
}

Result<void, GuestFault> Fs::give_back(Queue& queue, Chain const& chain, uint32_t written) {
    // The used length never exceeds what the driver offered (virtio-v1.2 §2.7.8.1).
    size_t const most = std::min<size_t>(chain.writable_bytes(), UINT32_MAX);
    return queue.push_used(chain, static_cast<uint32_t>(std::min<size_t>(written, most)));
}

}  // namespace krun::vmm
