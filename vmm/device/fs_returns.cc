// SPDX-License-Identifier: Apache-2.0
#include "vmm/device/fs_returns.h"

#include <sys/eventfd.h>

#include <utility>

namespace krun::vmm {

Result<std::unique_ptr<FsReturns>> FsReturns::make() {
    return std::unique_ptr<FsReturns>(new FsReturns(TRY(make_eventfd())));
}

std::unique_ptr<FsJob> FsReturns::begin(uint16_t queue, Chain& chain) {
    Lock const lock(mutex_);
    if (spare_.empty()) spare_.push_back(std::make_unique<FsJob>());
    auto job = std::move(spare_.back());
    spare_.pop_back();
    job->queue = queue;
    job->to = this;
    std::swap(job->chain, chain);
    ++under_way_;
    return job;
}

FsReturns::Jobs FsReturns::take_done() {
    Lock const lock(mutex_);
    has_done_.store(false, std::memory_order_relaxed);
    return std::exchange(done_, {});
}

void FsReturns::recycle(Jobs jobs) {
    Lock const lock(mutex_);
    for (auto& job : jobs) spare_.push_back(std::move(job));
}

void FsReturns::drain() {
    Lock const lock(mutex_);
    while (under_way_ > 0) drained_.wait(mutex_);
    for (auto& job : done_) spare_.push_back(std::move(job));
    done_.clear();
    has_done_.store(false, std::memory_order_relaxed);
}

void FsReturns::put(std::unique_ptr<FsJob> job) {
    bool drained = false;
    {
        Lock const lock(mutex_);
        done_.push_back(std::move(job));
        has_done_.store(true, std::memory_order_release);
        drained = --under_way_ == 0;
    }
    if (drained) drained_.notify_all();
    ignore(::eventfd_write(event_.borrow().raw(), 1), "a full counter is an event that is told of");
}

}  // namespace krun::vmm
