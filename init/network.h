// SPDX-License-Identifier: Apache-2.0
// The guest's network: loopback at boot, and at start what the host asks for (control::FrameType::kNetwork).
// The host has composed the requests; here they only get the numbers that this kernel gave to its interfaces.
#pragma once
#include <cstddef>
#include <span>
#include <vector>

#include "base/error.h"
#include "init/dhcp.h"

namespace krun::init {

Result<void> bring_up_loopback();

// Carries out control::NetworkRecords, in their order, up to the first that fails. Returns the addresses that
// have to be kept.
Result<std::vector<HeldLease>> set_up_network(std::span<std::byte const> records);

}  // namespace krun::init
