// SPDX-License-Identifier: Apache-2.0
// The signal by which a thread gets another one, or by a timer itself, out of a system call. Anybody may send
// the same signal to the process and mean the container; the kernel then gives it to some thread that does
// not block it, which is one that can be kicked. Such a signal is passed on to the main thread, which
// receives all signals.
#pragma once
#include "base/error.h"

namespace krun::vmm {

int kick_signal();

// Once in a process, before its first kick; again does no harm. A kick then makes the system call that it
// meets fail with EINTR, and has no other effect.
Result<void> install_kick_handler();

// While one lives, the thread can be kicked.
class Kickable {
public:
    Kickable();
    ~Kickable();
    // Whether there was a kick since the last call, for a system call that failed with EINTR: without one the
    // whole process was stopped or frozen, or another signal came by.
    static bool take();
    Kickable(Kickable const&) = delete;
    Kickable& operator=(Kickable const&) = delete;
};

}  // namespace krun::vmm
