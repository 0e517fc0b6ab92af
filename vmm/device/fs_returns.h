// SPDX-License-Identifier: Apache-2.0
// What helpers (fs_helpers.h) have under way for one thread of a file share's device, and have done for it.
// Only that thread puts chains into used rings.
#pragma once
#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "base/error.h"
#include "base/fd.h"
#include "base/mutex.h"
#include "vmm/virtio/chain.h"

namespace krun::vmm {

class FsReturns;

struct FsJob {
    uint16_t queue = 0;  // that the chain was popped from
    Chain chain;
    uint32_t written = 0;  // bytes of reply, once it is done
    FsReturns* to = nullptr;
};

// Outlives the helpers' threads.
class FsReturns {
public:
    using Jobs = std::vector<std::unique_ptr<FsJob>>;

    static Result<std::unique_ptr<FsReturns>> make();

    // ---- the thread it belongs to ----
    // A job for the chain, which is taken; another is left whose content means nothing. It is under way.
    std::unique_ptr<FsJob> begin(uint16_t queue, Chain& chain) EXCLUDES(mutex_);
    // Readable after a job was done.
    BorrowedFd event() const { return event_.borrow(); }
    // Whether take_done() has something; takes no lock.
    bool has_done() const { return has_done_.load(std::memory_order_acquire); }
    // The jobs done since the last call; to be given back with recycle().
    Jobs take_done() EXCLUDES(mutex_);
    void recycle(Jobs jobs) EXCLUDES(mutex_);
    // Waits until no job is under way and forgets those that are done. Blocks as long as the host does.
    void drain() EXCLUDES(mutex_);

    // ---- a helper's thread ----
    void put(std::unique_ptr<FsJob> job) EXCLUDES(mutex_);

private:
    explicit FsReturns(UniqueFd event) : event_(std::move(event)) {}

    UniqueFd const event_;
    Mutex mutex_;
    CondVar drained_;  // under_way_ is 0
    // Never more than the queues have chains.
    Jobs done_ GUARDED_BY(mutex_);
    Jobs spare_ GUARDED_BY(mutex_);
    size_t under_way_ GUARDED_BY(mutex_) = 0;
    std::atomic<bool> has_done_{false};
};

}  // namespace krun::vmm
