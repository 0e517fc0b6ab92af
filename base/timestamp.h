// SPDX-License-Identifier: Apache-2.0
// Points in time as text.
#pragma once
#include <array>
#include <ctime>
#include <string>

namespace krun {

// RFC 3339 in UTC with nanoseconds, "2026-01-31T23:59:59.000000001Z": what Go's time.RFC3339Nano reads. A
// time outside the years 0 to 9999 gives the epoch.
std::string rfc3339_nano(timespec time);
// The same as a C string. Async-signal-safe.
std::array<char, 31> rfc3339_nano_chars(timespec time);

}  // namespace krun
