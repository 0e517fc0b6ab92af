// SPDX-License-Identifier: Apache-2.0
// Stands where the I/O APIC stands: a device's interrupt line that can be waited for.
#pragma once
#include <sys/eventfd.h>

#include <functional>

#include "base/fd.h"
#include "tests/support/guest_driver.h"

namespace krun::vmm {

class InterruptLine {
public:
    BorrowedFd event() const { return event_.borrow(); }
    // For an Interrupt; the line outlives it.
    std::function<void()> edge() const {
        return [this] { ignore(::eventfd_write(event_.borrow().raw(), 1), "it is not full"); };
    }

private:
    UniqueFd event_ = must(make_eventfd());
};

}  // namespace krun::vmm
