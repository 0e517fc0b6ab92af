// SPDX-License-Identifier: Apache-2.0
// Threads beside a file share's own, for requests that would keep it from the short ones: those that may wait
// for the host's disk, and large transfers while others wait. They see a chain and the server, never a queue:
// the device's thread hands out chains and puts them into the used ring when they are done.
#pragma once
#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

#include "base/error.h"
#include "base/fd.h"
#include "base/mutex.h"
#include "fs/server.h"
#include "vmm/virtio/chain.h"

namespace krun::vmm {

class FsHelpers {
public:
    struct Job {
        uint16_t queue = 0;  // that the chain was popped from
        Chain chain;
        uint32_t written = 0;  // bytes of reply, once it is done
    };

    static Result<std::unique_ptr<FsHelpers>> make(std::shared_ptr<fs::Server> server);

    // ---- the device's thread ----
    // How many more jobs would be served at once; 0 without helpers.
    size_t idle() const EXCLUDES(mutex_);
    bool any() const EXCLUDES(mutex_);
    // Takes the chain and leaves another, whose content means nothing.
    void hand_over(uint16_t queue, Chain& chain) EXCLUDES(mutex_);
    // Readable after a job was done.
    BorrowedFd event() const { return event_.borrow(); }
    // Whether take_done() has something; takes no lock.
    bool has_done() const { return has_done_.load(std::memory_order_acquire); }
    // The jobs done since the last call; to be given back with recycle().
    std::vector<std::unique_ptr<Job>> take_done() EXCLUDES(mutex_);
    void recycle(std::vector<std::unique_ptr<Job>> jobs) EXCLUDES(mutex_);
    // Waits until no job is under way and forgets those that are done. Blocks as long as the host does.
    void drain() EXCLUDES(mutex_);

    // ---- a helper's thread ----
    // Serves jobs until stop().
    void run() EXCLUDES(mutex_);
    void stop() EXCLUDES(mutex_);

private:
    FsHelpers(std::shared_ptr<fs::Server> server, UniqueFd event)
        : server_(std::move(server)), event_(std::move(event)) {}
    std::unique_ptr<Job> next() EXCLUDES(mutex_);
    void finish(std::unique_ptr<Job> job) EXCLUDES(mutex_);

    std::shared_ptr<fs::Server> const server_;
    UniqueFd const event_;
    mutable Mutex mutex_;
    CondVar more_;     // a job, or the end
    CondVar drained_;  // under_way_ is 0
    // Never more than the queues have chains.
    std::deque<std::unique_ptr<Job>> waiting_ GUARDED_BY(mutex_);
    std::vector<std::unique_ptr<Job>> done_ GUARDED_BY(mutex_);
    std::vector<std::unique_ptr<Job>> spare_ GUARDED_BY(mutex_);
    size_t under_way_ GUARDED_BY(mutex_) = 0;  // waiting ones too
    size_t running_ GUARDED_BY(mutex_) = 0;    // helpers
    bool stopping_ GUARDED_BY(mutex_) = false;
    std::atomic<bool> has_done_{false};
};

}  // namespace krun::vmm
