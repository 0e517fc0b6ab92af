// SPDX-License-Identifier: Apache-2.0
// The same guest on QEMU's microvm, emulated, with those of the devices that QEMU itself has.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

namespace krun::vmm {

bool has_qemu();
// How each of the first `count` cases ended (verdicts.h).
std::vector<std::string> run_on_qemu(uint32_t count);

}  // namespace krun::vmm
