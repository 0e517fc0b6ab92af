// SPDX-License-Identifier: Apache-2.0
// Requests that the guest no longer waits for (fuse_kernel.h FUSE_INTERRUPT): their numbers, the last so many
// of them. All methods may be called from any thread.
#pragma once
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

#include "base/mutex.h"

namespace krun::fs {

class Interrupts {
public:
    void add(uint64_t unique) EXCLUDES(mutex_) {
        Lock const lock(mutex_);
        uniques_[next_++ % uniques_.size()] = unique;
    }
    bool take(uint64_t unique) EXCLUDES(mutex_) {
        Lock const lock(mutex_);
        auto const at = std::find(uniques_.begin(), uniques_.end(), unique);
        if (unique == 0 || at == uniques_.end()) return false;
        *at = 0;
        return true;
    }
    void clear() EXCLUDES(mutex_) {
        Lock const lock(mutex_);
        uniques_.fill(0);
    }

private:
    // Twice as many as requests that may wait; 0 is no request.
    Mutex mutex_;
    std::array<uint64_t, 128> uniques_ GUARDED_BY(mutex_){};
    size_t next_ GUARDED_BY(mutex_) = 0;
};

}  // namespace krun::fs
