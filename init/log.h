// SPDX-License-Identifier: Apache-2.0
// What init tells a person: on the console, which is the VM's kernel log, never in the payload's output.
#pragma once
#include <string_view>

namespace krun::init {

// Steps are told only after this (config: krun.debug); errors always.
void enable_debug_log();
void log_step(std::string_view step);
void log_error(std::string_view text);

}  // namespace krun::init
