// SPDX-License-Identifier: Apache-2.0
// What init tells a person: on the console, which is the VM's kernel log, never in the payload's output.
#pragma once
#include <cstdint>
#include <string_view>

namespace krun::init {

// A point of CLOCK_BOOTTIME, the clock of the kernel's own lines.
int64_t boot_time_us();
// Steps are told only after this (config: krun.debug), each at its beginning; errors always. `started_us` is
// when init began. The first step is told twice, so that a reader of the times knows what a line costs.
void enable_debug_log(int64_t started_us);
void log_step(std::string_view step);
void log_error(std::string_view text);

}  // namespace krun::init
