// SPDX-License-Identifier: Apache-2.0
#include "vmm/device/fs_helpers.h"

#include <sys/eventfd.h>

#include <utility>

namespace krun::vmm {

Result<std::unique_ptr<FsHelpers>> FsHelpers::make(std::shared_ptr<fs::Server> server) {
    auto event = TRY(make_eventfd());
    return std::unique_ptr<FsHelpers>(new FsHelpers(std::move(server), std::move(event)));
}

size_t FsHelpers::idle() const {
    Lock const lock(mutex_);
    return running_ > under_way_ ? running_ - under_way_ : 0;
}

bool FsHelpers::any() const {
    Lock const lock(mutex_);
    return running_ > 0;
}

void FsHelpers::hand_over(uint16_t queue, Chain& chain) {
    {
        Lock const lock(mutex_);
        if (spare_.empty()) spare_.push_back(std::make_unique<Job>());
        auto job = std::move(spare_.back());
        spare_.pop_back();
        job->queue = queue;
        std::swap(job->chain, chain);
        waiting_.push_back(std::move(job));
        ++under_way_;
    }
    more_.notify_one();
}

std::vector<std::unique_ptr<FsHelpers::Job>> FsHelpers::take_done() {
    Lock const lock(mutex_);
    has_done_.store(false, std::memory_order_relaxed);
    return std::exchange(done_, {});
}

void FsHelpers::recycle(std::vector<std::unique_ptr<Job>> jobs) {
    Lock const lock(mutex_);
    for (auto& job : jobs) spare_.push_back(std::move(job));
}

void FsHelpers::drain() {
    Lock const lock(mutex_);
    while (under_way_ > 0) drained_.wait(mutex_);
    for (auto& job : done_) spare_.push_back(std::move(job));
    done_.clear();
    has_done_.store(false, std::memory_order_relaxed);
}

void FsHelpers::run() {
    {
        Lock const lock(mutex_);
        ++running_;
    }
    while (auto job = next()) {
        // Helpers are few: none waits for a lock.
        job->written =
            server_->serve(job->chain.readable(), job->chain.writable(), fs::Server::Waiting::kMayNot);
        finish(std::move(job));
    }
}

std::unique_ptr<FsHelpers::Job> FsHelpers::next() {
    Lock const lock(mutex_);
    while (waiting_.empty() && !stopping_) more_.wait(mutex_);
    if (waiting_.empty()) return nullptr;
    auto job = std::move(waiting_.front());
    waiting_.pop_front();
    return job;
}

void FsHelpers::finish(std::unique_ptr<Job> job) {
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

void FsHelpers::stop() {
    {
        Lock const lock(mutex_);
        stopping_ = true;
    }
    more_.notify_all();
}

}  // namespace krun::vmm
