// SPDX-License-Identifier: Apache-2.0
// The guest's CLOCK_REALTIME, which follows the host's. CLOCK_MONOTONIC is the guest's own: it goes on while
// the machine is paused, as the host's does for a container without a machine.
#pragma once
#include <cstdint>

namespace krun::init {

enum class ClockChange { kNone, kSlew, kStep };
// What to do about a clock that misses so much. `smoothly`: programs run, which a step may confuse.
ClockChange clock_change(int64_t missing_ns, bool smoothly);

// Sets the clock to `host_ns` since the epoch, or lets it go a bit faster or slower until it is right. Needs
// CAP_SYS_TIME.
void follow_host_clock(int64_t host_ns, bool smoothly);

}  // namespace krun::init
