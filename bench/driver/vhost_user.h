// SPDX-License-Identifier: Apache-2.0
// A vhost-user daemon as a peer: the front-end's half of the protocol (QEMU docs/interop/vhost-user.rst), as
// much as a device of plain requests needs.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "bench/driver/peer.h"

namespace krun::bench {

// Starts the program, whose descriptor 3 is a socket that listens for us, and ends it with the result. The
// first `silent` queues take no requests; `requests` more do. `features` beyond the transport's.
std::unique_ptr<Peer> vhost_user(std::vector<std::string> words, unsigned silent, unsigned requests,
                                 uint64_t features, Waiting waiting);

}  // namespace krun::bench
