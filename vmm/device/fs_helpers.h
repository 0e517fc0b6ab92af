// SPDX-License-Identifier: Apache-2.0
// Threads beside a file share's own, for requests that would keep those from the short ones: what may wait
// for the host's disk, and large transfers while others wait. They see a chain and the server, never a queue:
// the thread that handed a chain out gets it back (fs_returns.h).
#pragma once
#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>

#include "base/mutex.h"
#include "fs/server.h"
#include "vmm/device/fs_returns.h"

namespace krun::vmm {

class FsHelpers {
public:
    explicit FsHelpers(std::shared_ptr<fs::Server> server) : server_(std::move(server)) {}

    // ---- any thread of the device ----
    // How many more jobs would be served at once; 0 without helpers.
    size_t idle() const EXCLUDES(mutex_);
    // Takes no lock.
    bool any() const { return running_.load(std::memory_order_relaxed) > 0; }
    void hand_over(std::unique_ptr<FsJob> job) EXCLUDES(mutex_);

    // ---- a helper's thread ----
    // Serves jobs until stop().
    void run() EXCLUDES(mutex_);
    void stop() EXCLUDES(mutex_);

private:
    std::unique_ptr<FsJob> next() EXCLUDES(mutex_);

    std::shared_ptr<fs::Server> const server_;
    std::atomic<size_t> running_{0};  // helpers
    mutable Mutex mutex_;
    CondVar more_;  // a job, or the end
    // Never more than the queues have chains.
    std::deque<std::unique_ptr<FsJob>> waiting_ GUARDED_BY(mutex_);
    size_t under_way_ GUARDED_BY(mutex_) = 0;  // waiting ones too
    bool stopping_ GUARDED_BY(mutex_) = false;
};

}  // namespace krun::vmm
