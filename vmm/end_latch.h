// SPDX-License-Identifier: Apache-2.0
// Why a machine ended by itself: set by the first thread that finds out, read by the owner.
#pragma once
#include <sys/eventfd.h>

#include <optional>

#include "base/fd.h"
#include "base/mutex.h"
#include "vmm/machine.h"

namespace krun::vmm {

class EndLatch {
public:
    explicit EndLatch(UniqueFd event) : event_(std::move(event)) {}

    // Any thread. The first reason stays.
    void end(EndReason reason) EXCLUDES(mutex_) {
        Lock lock(mutex_);
        if (reason_) return;
        reason_ = std::move(reason);
        ignore(::eventfd_write(event_.borrow().raw(), 1), "an eventfd takes its first 1");
    }
    std::optional<EndReason> reason() const EXCLUDES(mutex_) {
        Lock lock(mutex_);
        return reason_;
    }
    BorrowedFd event() const { return event_.borrow(); }

private:
    UniqueFd event_;
    mutable Mutex mutex_;
    std::optional<EndReason> reason_ GUARDED_BY(mutex_);
};

}  // namespace krun::vmm
