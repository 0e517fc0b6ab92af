// SPDX-License-Identifier: Apache-2.0
// What helpers (helpers.h) have under way for one thread of a device, and have done for it. Only that thread
// puts chains into used rings. Jobs are kept for the next ones, so that the data path does not allocate.
#pragma once
#include <sys/eventfd.h>

#include <atomic>
#include <memory>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/fd.h"
#include "base/mutex.h"

namespace krun::vmm {

// Outlives the helpers' threads.
template <class Job>
class Returns {
public:
    using Jobs = std::vector<std::unique_ptr<Job>>;

    static Result<std::unique_ptr<Returns>> make() {
        return std::unique_ptr<Returns>(new Returns(TRY(make_eventfd())));
    }

    // ---- the thread it belongs to ----
    // A job to be filled in: it is under way, and holds what an earlier one did.
    std::unique_ptr<Job> begin() EXCLUDES(mutex_) {
        Lock const lock(mutex_);
        if (spare_.empty()) spare_.push_back(std::make_unique<Job>());
        auto job = std::move(spare_.back());
        spare_.pop_back();
        job->to = this;
        ++under_way_;
        return job;
    }
    // Readable after a job was done.
    BorrowedFd event() const { return event_.borrow(); }
    // Whether take_done() has something; takes no lock.
    bool has_done() const { return has_done_.load(std::memory_order_acquire); }
    // The jobs done since the last call; to be given back with recycle().
    Jobs take_done() EXCLUDES(mutex_) {
        Lock const lock(mutex_);
        has_done_.store(false, std::memory_order_relaxed);
        return std::exchange(done_, {});
    }
    void recycle(Jobs jobs) EXCLUDES(mutex_) {
        Lock const lock(mutex_);
        for (auto& job : jobs) spare_.push_back(std::move(job));
    }
    // The caller has done a job itself: it is among those of the next take_done().
    void put_own(std::unique_ptr<Job> job) EXCLUDES(mutex_) {
        Lock const lock(mutex_);
        done_.push_back(std::move(job));
        has_done_.store(true, std::memory_order_relaxed);
        --under_way_;
    }
    // Waits until no job is under way and forgets those that are done. Blocks as long as the host does.
    void drain() EXCLUDES(mutex_) {
        Lock const lock(mutex_);
        while (under_way_ > 0) drained_.wait(mutex_);
        for (auto& job : done_) spare_.push_back(std::move(job));
        done_.clear();
        has_done_.store(false, std::memory_order_relaxed);
    }

    // ---- a helper's thread ----
    void put(std::unique_ptr<Job> job) EXCLUDES(mutex_) {
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

private:
    explicit Returns(UniqueFd event) : event_(std::move(event)) {}

    UniqueFd const event_;
    Mutex mutex_;
    CondVar drained_;  // under_way_ is 0
    // Bounded by the chains that the queues have.
    Jobs done_ GUARDED_BY(mutex_);
    Jobs spare_ GUARDED_BY(mutex_);
    size_t under_way_ GUARDED_BY(mutex_) = 0;
    std::atomic<bool> has_done_{false};
};

}  // namespace krun::vmm
