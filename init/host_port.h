// SPDX-License-Identifier: Apache-2.0
// Connections with the host over AF_VSOCK (vsock(7)).
#pragma once
#include <cstdint>

#include "base/error.h"
#include "base/unique_fd.h"
#include "init/stream_listener.h"

namespace krun::init {

// Connects to `port` of the host; waits until it has answered. A refusal is an error.
Result<UniqueFd> connect_host_port(uint32_t port);

// Listens on `port` of the guest for streams that the host opens; peers other than the host are refused.
Result<StreamListener> listen_for_host(uint32_t port);

}  // namespace krun::init
