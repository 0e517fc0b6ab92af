// SPDX-License-Identifier: Apache-2.0
// Threads beside a device's own, for jobs that would keep that from the short ones: what may wait for the
// host's disk, and large transfers. They see jobs, never a queue: the thread that handed one out gets it back
// (returns.h).
//
// A Job is a struct of the device's with a member `Returns<Job>* to`.
#pragma once
#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <utility>

#include "base/mutex.h"
#include "vmm/device/returns.h"

namespace krun::vmm {

template <class Job>
class Helpers {
public:
    // `serve` runs on the helpers' threads, at once on several.
    explicit Helpers(std::function<void(Job&)> serve) : serve_(std::move(serve)) {}

    // ---- any thread of the device ----
    // How many more jobs would be served at once; 0 without helpers.
    size_t idle() const EXCLUDES(mutex_) {
        size_t const all = running();
        Lock const lock(mutex_);
        return all > under_way_ ? all - under_way_ : 0;
    }
    // These take no lock.
    size_t running() const { return running_.load(std::memory_order_relaxed); }
    bool any() const { return running() > 0; }
    void hand_over(std::unique_ptr<Job> job) EXCLUDES(mutex_) {
        {
            Lock const lock(mutex_);
            waiting_.push_back(std::move(job));
            ++under_way_;
        }
        more_.notify_one();
    }

    // A job that no helper has begun, for the caller to do itself; null if there is none.
    // REQUIRES: one thread alone hands jobs over.
    std::unique_ptr<Job> take_back() EXCLUDES(mutex_) {
        Lock const lock(mutex_);
        if (waiting_.empty()) return nullptr;
        --under_way_;
        return take_first();
    }

    // ---- a helper's thread ----
    // Serves jobs until stop().
    void run() EXCLUDES(mutex_) {
        running_.fetch_add(1, std::memory_order_relaxed);
        while (auto job = next()) {
            serve_(*job);
            {
                Lock const lock(mutex_);
                --under_way_;
            }
            auto* const to = job->to;
            to->put(std::move(job));
        }
    }
    void stop() EXCLUDES(mutex_) {
        {
            Lock const lock(mutex_);
            stopping_ = true;
        }
        more_.notify_all();
    }

private:
    std::unique_ptr<Job> next() EXCLUDES(mutex_) {
        Lock const lock(mutex_);
        while (waiting_.empty() && !stopping_) more_.wait(mutex_);
        return waiting_.empty() ? nullptr : take_first();
    }
    std::unique_ptr<Job> take_first() REQUIRES(mutex_) {
        auto job = std::move(waiting_.front());
        waiting_.pop_front();
        return job;
    }

    std::function<void(Job&)> const serve_;
    std::atomic<size_t> running_{0};  // helpers
    mutable Mutex mutex_;
    CondVar more_;  // a job, or the end
    // Bounded by the chains that the queues have.
    std::deque<std::unique_ptr<Job>> waiting_ GUARDED_BY(mutex_);
    size_t under_way_ GUARDED_BY(mutex_) = 0;  // waiting ones too
    bool stopping_ GUARDED_BY(mutex_) = false;
};

}  // namespace krun::vmm
