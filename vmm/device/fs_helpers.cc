// SPDX-License-Identifier: Apache-2.0
#include "vmm/device/fs_helpers.h"

#include <utility>

namespace krun::vmm {

size_t FsHelpers::idle() const {
    size_t const running = running_.load(std::memory_order_relaxed);
    Lock const lock(mutex_);
    return running > under_way_ ? running - under_way_ : 0;
}

void FsHelpers::hand_over(std::unique_ptr<FsJob> job) {
    {
        Lock const lock(mutex_);
        waiting_.push_back(std::move(job));
        ++under_way_;
    }
    more_.notify_one();
}

void FsHelpers::run() {
    running_.fetch_add(1, std::memory_order_relaxed);
    while (auto job = next()) {
        // Helpers are few: none waits for a lock.
        job->written =
            server_->serve(job->chain.readable(), job->chain.writable(), fs::Server::Waiting::kMayNot);
        {
            Lock const lock(mutex_);
            --under_way_;
        }
        auto* const to = job->to;
        to->put(std::move(job));
    }
}

std::unique_ptr<FsJob> FsHelpers::next() {
    Lock const lock(mutex_);
    while (waiting_.empty() && !stopping_) more_.wait(mutex_);
    if (waiting_.empty()) return nullptr;
    auto job = std::move(waiting_.front());
    waiting_.pop_front();
    return job;
}

void FsHelpers::stop() {
    {
        Lock const lock(mutex_);
        stopping_ = true;
    }
    more_.notify_all();
}

}  // namespace krun::vmm
