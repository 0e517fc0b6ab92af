// SPDX-License-Identifier: Apache-2.0
// A server of virtqueues under test, with a driver's queues connected to it: a device of ours in this
// process, or a vhost-user daemon.
#pragma once
#include <sys/types.h>

#include <vector>

#include "bench/driver/driver_queue.h"

namespace krun::bench {

class Peer {
public:
    virtual ~Peer() = default;
    virtual std::vector<DriverQueue>& queues() = 0;  // those that take requests
    virtual std::vector<pid_t> threads() const = 0;  // that serve, by kernel thread id
    uint32_t most_data_bytes = 0;                    // of a file server: that one READ or WRITE carries
};

// Thread ids of a process.
std::vector<pid_t> threads_of(pid_t process);

}  // namespace krun::bench
