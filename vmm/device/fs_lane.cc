// SPDX-License-Identifier: Apache-2.0
#include "vmm/device/fs_lane.h"

#include <algorithm>
#include <utility>

namespace krun::vmm {
namespace {

// From here on copying takes longer than waking a helper.
constexpr size_t kLargeBytes = 64 << 10;
// A lock may be let go by another machine or a process of the host, of which nothing tells.
constexpr auto kParkedInterval = std::chrono::milliseconds(20);

}  // namespace

Result<std::unique_ptr<FsLane>> FsLane::make(std::shared_ptr<FsShared> shared) {
    auto returns = TRY(Returns<FsJob>::make());
    auto timer = TRY(IntervalTimer::make());
    return std::unique_ptr<FsLane>(new FsLane(std::move(shared), std::move(returns), std::move(timer)));
}

Result<void> FsLane::activate(DeviceContext& context) {
    context_ = &context;
    TRY(timer_.listen(context.loop(), [this] {
        auto const served = serve_parked();
        if (!served.ok()) context_->fault(served.error());
    }));
    return context.loop().add(returns_->event(), EPOLLIN | EPOLLET, [this](uint32_t) { collect(); });
}

void FsLane::reset() {
    if (!context_) return;
    context_->loop().remove(returns_->event());
    timer_.stop_listening(context_->loop());
    parked_.clear();
    timer_.set(IntervalTimer::kOff);
    returns_->drain();
    context_ = nullptr;
}

// Every chain goes back, also one that the server can make nothing of: a lost one would be a task that hangs
// in the guest for ever. Hiprio carries FORGET and INTERRUPT (§5.11.6); they need no other treatment here.
Result<void, GuestFault> FsLane::handle_queue(uint16_t index) {
    Queue* const queue = context_->queue(index);
    while (queue && TRY(queue->pop(chain_))) {
        size_t const bytes = chain_.readable_bytes() + chain_.writable_bytes();
        uint32_t const written = is_for_helpers(*queue) ? fs::Server::kSlow : serve();
        if (written == fs::Server::kSlow) {
            hand_over(index);
            continue;
        }
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

bool FsLane::is_for_helpers(Queue const& queue) const {
    if (chain_.readable_bytes() + chain_.writable_bytes() >= kLargeBytes)
        return queue.has_more() && shared_->helpers.idle() > 0;
    return fs::Server::may_wait(chain_.readable()) && shared_->helpers.any();
}

void FsLane::hand_over(uint16_t queue) {
    auto job = returns_->begin();
    job->queue = queue;
    std::swap(job->chain, chain_);
    shared_->helpers.hand_over(std::move(job));
}

uint32_t FsLane::serve() {
    using fs::Server;
    auto const waiting = parked_.size() < kMaxParked ? Server::Waiting::kMay : Server::Waiting::kMayNot;
    auto const reads = shared_->helpers.any() ? Server::Reads::kFromMemory : Server::Reads::kFromDisk;
    return server().serve(chain_.readable(), chain_.writable(), waiting, reads);
}

void FsLane::park(uint16_t queue) {
    if (parked_.empty()) timer_.set(kParkedInterval);
    parked_.push_back({queue, std::exchange(chain_, Chain{})});
}

Result<void, GuestFault> FsLane::serve_parked() {
    if (parked_.empty()) return {};
    for (auto at = parked_.begin(); at != parked_.end();) {
        uint32_t const written = server().serve(at->chain.readable(), at->chain.writable());
        if (written == fs::Server::kLater) {
            ++at;
            continue;
        }
        auto const given = give_back(*context_->queue(at->queue), at->chain, written);
        at = parked_.erase(at);
        TRY(given);
    }
    if (parked_.empty()) timer_.set(IntervalTimer::kOff);
    return {};
}

bool FsLane::collect() {
    if (!returns_->has_done()) return false;
    auto done = returns_->take_done();
    for (auto const& job : done) {
        auto const given = give_back(*context_->queue(job->queue), job->chain, job->written);
        if (!given.ok()) context_->fault(given.error());
    }
    returns_->recycle(std::move(done));
    return true;
}

Result<void, GuestFault> FsLane::give_back(Queue& queue, Chain const& chain, uint32_t written) {
    // The used length never exceeds what the driver offered (virtio-v1.2 §2.7.8.1).
    size_t const most = std::min<size_t>(chain.writable_bytes(), UINT32_MAX);
    return queue.push_used(chain, static_cast<uint32_t>(std::min<size_t>(written, most)));
}

}  // namespace krun::vmm
