// SPDX-License-Identifier: Apache-2.0
// Signals as people and engines write them.
#pragma once
#include <string_view>

#include "base/error.h"

namespace krun::runtime {

// "9", "KILL", "SIGKILL", "kill", "RTMIN+3", "RTMAX-1": the number, 1 to 64. Real-time numbers are the guest
// kernel's (RTMIN is 34 as in glibc). kInvalidConfig for anything else.
Result<int> parse_signal(std::string_view text);

}  // namespace krun::runtime
