// SPDX-License-Identifier: Apache-2.0
// A device of ours on its worker's thread, confined as in a machine.
#pragma once
#include <memory>
#include <span>
#include <string>

#include "base/syscall_filter.h"
#include "bench/driver/peer.h"
#include "tests/support/interrupt_line.h"
#include "vmm/virtio/device.h"
#include "vmm/virtio/interrupt.h"
#include "vmm/virtio/worker.h"

namespace krun::bench {

class DevicePeer final : public Peer {
public:
    // The first `silent` of the device's queues are there and take no requests; `requests` more do.
    // `features` beyond the transport's.
    DevicePeer(std::unique_ptr<vmm::VirtioDevice> device, std::string const& kind, unsigned silent,
               unsigned requests, uint64_t features, Waiting waiting);

    std::vector<DriverQueue>& queues() override { return queues_; }
    std::vector<pid_t> threads() const override;

private:
    Ram ram_;
    std::vector<DriverQueue> silent_;
    std::vector<DriverQueue> queues_;
    vmm::InterruptLine line_;
    vmm::Interrupt interrupt_;
    std::vector<pid_t> before_;
    std::unique_ptr<vmm::Worker> worker_;
};

}  // namespace krun::bench
