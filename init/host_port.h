// SPDX-License-Identifier: Apache-2.0
// Streams to the host over AF_VSOCK (vsock(7)).
#pragma once
#include <cstdint>

#include "base/error.h"
#include "base/unique_fd.h"

namespace krun::init {

// Connects to `port` of the host; waits until it has answered. A refusal is an error.
Result<UniqueFd> connect_host_port(uint32_t port);

}  // namespace krun::init
