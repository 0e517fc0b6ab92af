// SPDX-License-Identifier: Apache-2.0
// All signals, 1 to 64, as the kernel counts them. glibc's sets silently leave out 32 and 33, which it keeps
// for thread cancellation and for set*id(2) in processes with threads. We use neither, but anybody may send
// them.
#pragma once
#include <cstdint>

#include "base/error.h"
#include "base/unique_fd.h"

namespace krun {

// In the calling thread, for good, and in threads that it starts. A fault of the thread's own ends the
// process all the same (force_sig), as does abort(3), which unblocks its signal; KILL and STOP cannot be
// blocked.
void block_all_signals();

// In the calling thread, and in threads that it starts, while one lives.
class SignalsBlocked {
public:
    SignalsBlocked();
    ~SignalsBlocked();
    SignalsBlocked(SignalsBlocked const&) = delete;
    SignalsBlocked& operator=(SignalsBlocked const&) = delete;

private:
    uint64_t before_ = 0;
};

// A non-blocking signalfd for the signals that are sent to the process, or to the thread that reads it.
// REQUIRES: every thread blocks them.
Result<UniqueFd> receive_all_signals();

}  // namespace krun
