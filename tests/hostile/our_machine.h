// SPDX-License-Identifier: Apache-2.0
// The hostile guest in a machine of ours, with every device that there is.
#pragma once
#include <cstdint>
#include <vector>

namespace krun::vmm {

// How each of the first `count` cases ended, as cases.h has it. A case that breaks something is the last of
// its machine, and the next one begins in a new one. REQUIRES: /dev/kvm can be opened.
std::vector<uint32_t> run_in_our_machine(uint32_t count);

}  // namespace krun::vmm
