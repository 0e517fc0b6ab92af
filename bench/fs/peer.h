// SPDX-License-Identifier: Apache-2.0
// The virtio-fs servers under test: ours in this process, and virtiofsd.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "bench/driver/peer.h"
#include "fs/passthrough/options.h"

namespace krun::bench {

// Device, worker and file server as a machine has them: TREE/rootfs grafted at /rootfs of a virtual root.
std::unique_ptr<Peer> our_server(std::string const& tree, fs::Sharing sharing, uint16_t queues,
                                 Waiting waiting);

// Debian's C virtiofsd on `tree`, with one request queue: it refuses more.
std::unique_ptr<Peer> virtiofsd(std::string const& program, std::string const& tree,
                                std::vector<std::string> const& options, Waiting waiting);

}  // namespace krun::bench
