// SPDX-License-Identifier: Apache-2.0
// KRUN_CHECK: our own invariants. Never reachable from guest bytes, image content or user input;
// those get an error.
#pragma once
#include <cstdio>
#include <cstdlib>

namespace krun {
[[noreturn]] inline void check_failed(char const* what, char const* why, char const* file, int line) {
    std::fprintf(stderr, "krun-oci: bug: %s (%s) at %s:%d\n", why, what, file, line);
    std::abort();
}
}  // namespace krun

#define KRUN_CHECK(cond, why) \
    ((cond) ? static_cast<void>(0) : ::krun::check_failed(#cond, why, __FILE__, __LINE__))
