// SPDX-License-Identifier: Apache-2.0
// What the driver has offered for frames that will come: chains taken from the receive queue in advance, so
// that one readv(2) can fill as many of them as a frame needs (virtio-v1.2 §5.1.6.3, §5.1.6.4).
#pragma once
#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <span>
#include <vector>

#include "vmm/virtio/queue.h"

namespace krun::vmm {

class ReceivedBuffers {
public:
    // `longest`: bytes of the longest frame that may come, header included. With `mergeable` it may fill
    // several chains, otherwise it has to fit into one. `queue` outlives this.
    ReceivedBuffers(Queue& queue, size_t longest, bool mergeable)
        : queue_(queue), longest_(mergeable ? longest : 1) {}

    // Whether there is room for a frame of any length, or as much as the driver's queue can ever hold.
    // False: the driver has been asked to notify us of more.
    Result<bool, GuestFault> take();
    // All that has been taken, in order.
    std::span<iovec const> parts() const { return parts_; }
    // Gives the driver a frame of `bytes` at the beginning of parts(), header included. REQUIRES: at most
    // what parts() hold.
    Result<void, GuestFault> give(size_t bytes);

private:
    Queue& queue_;
    size_t longest_;
    std::deque<Chain> taken_;
    std::vector<iovec> parts_;
    std::vector<Chain> spare_;  // so that the data path does not allocate
    std::vector<Queue::Used> used_;
    size_t bytes_ = 0;  // of parts_
};

}  // namespace krun::vmm
