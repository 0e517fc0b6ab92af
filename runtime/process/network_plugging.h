// SPDX-License-Identifier: Apache-2.0
// The container's network on its way from the command that starts into the machine.
#pragma once
#include <cstddef>
#include <vector>

#include "base/error.h"
#include "base/unique_fd.h"
#include "vmm/machine.h"

namespace krun::runtime {

// Plugs the interfaces in. `fds` as ControlOp::kStart has them, not empty. Returns what init is to be told
// (control::FrameType::kNetwork).
Result<std::vector<std::byte>> plug_network(vmm::Machine& machine, std::vector<UniqueFd> fds);

}  // namespace krun::runtime
