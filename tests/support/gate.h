// SPDX-License-Identifier: Apache-2.0
// What threads wait at until a test opens it, as if for a host that is slow. Any thread.
#pragma once
#include <set>
#include <thread>

#include "base/mutex.h"

namespace krun {

class Gate {
public:
    // Returns when the gate is open.
    void pass() EXCLUDES(mutex_) {
        Lock const lock(mutex_);
        threads_.insert(std::this_thread::get_id());
        ++waiting_;
        changed_.notify_all();
        while (!open_) changed_.wait(mutex_);
        --waiting_;
    }
    void open() EXCLUDES(mutex_) {
        Lock const lock(mutex_);
        open_ = true;
        changed_.notify_all();
    }
    void await_somebody() EXCLUDES(mutex_) {
        Lock const lock(mutex_);
        while (threads_.empty()) changed_.wait(mutex_);
    }
    int waiting() EXCLUDES(mutex_) {
        Lock const lock(mutex_);
        return waiting_;
    }
    // How many threads have come until now.
    size_t threads() EXCLUDES(mutex_) {
        Lock const lock(mutex_);
        return threads_.size();
    }

private:
    Mutex mutex_;
    CondVar changed_;
    bool open_ GUARDED_BY(mutex_) = false;
    int waiting_ GUARDED_BY(mutex_) = 0;
    std::set<std::thread::id> threads_ GUARDED_BY(mutex_);
};

}  // namespace krun
