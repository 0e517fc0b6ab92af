// SPDX-License-Identifier: Apache-2.0
// How long a guest may take until it is ready, and what is said when it takes longer.
#pragma once
#include <chrono>
#include <string>

namespace krun::runtime {

// Long enough for a guest on a busy host that emulates its CPU, short enough that engines still wait for
// create (podman and CRI-O: 240 s).
inline constexpr std::chrono::milliseconds kBootLimit{120'000};

// One line. A host whose CPU has no virtualization runs guests on a software KVM, many times slower: then
// that is what the user has to know.
std::string boot_limit_reason(std::chrono::milliseconds limit, bool cpu_has_virtualization);

}  // namespace krun::runtime
