// SPDX-License-Identifier: Apache-2.0
// A virtio-fs server under test, with the driver's queues connected to it: ours in this process, or a
// vhost-user daemon.
#pragma once
#include <sys/types.h>

#include <memory>
#include <string>
#include <vector>

#include "bench/fs/driver_queue.h"
#include "fs/passthrough/options.h"

namespace krun::bench {

class Peer {
public:
    virtual ~Peer() = default;
    virtual std::vector<DriverQueue>& queues() = 0;  // the request queues
    virtual std::vector<pid_t> threads() const = 0;  // that serve, by kernel thread id
    uint32_t most_data_bytes = 0;                    // that one READ or WRITE carries (INIT's max_write)
};

// Device, worker and file server as a machine has them: TREE/rootfs grafted at /rootfs of a virtual root.
std::unique_ptr<Peer> our_server(std::string const& tree, fs::Sharing sharing, uint16_t queues,
                                 Waiting waiting);

// Debian's C virtiofsd on `tree`, with one request queue: it refuses more.
std::unique_ptr<Peer> virtiofsd(std::string const& program, std::string const& tree,
                                std::vector<std::string> const& options, Waiting waiting);

// Thread ids of a process.
std::vector<pid_t> threads_of(pid_t process);

}  // namespace krun::bench
