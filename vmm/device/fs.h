// SPDX-License-Identifier: Apache-2.0
// virtio-fs (virtio-v1.2 §5.11): the queues, configuration and session of a file share. Each request queue is
// served by a thread of its own (fs_lane.h), the first of them by the device's, which has hiprio, too.
#pragma once
#include <memory>
#include <vector>

#include "vmm/device/fs_lane.h"
#include "vmm/machine_spec.h"
#include "vmm/virtio/device.h"

namespace krun::vmm {

class Fs final : public VirtioDevice {
public:
    static constexpr uint16_t kMaxRequestQueues = 64;

    // Fails if the tag is empty or longer than 36 bytes, and unless there are 1 to 64 request queues.
    static Result<std::unique_ptr<Fs>> make(Share share, uint16_t request_queues = 1);
    // As many as are of use to a guest: Linux (6.11 and later) shares them out among its processors; a thread
    // of the host that watches its queue must not take the processor that the guest asks on.
    static uint16_t useful_queues(uint32_t vcpus, uint32_t host_cpus);

    DeviceId id() const override { return DeviceId::kFs; }
    std::string_view name() const override { return shared_->name; }
    std::span<uint16_t const> queue_sizes() const override { return shared_->queue_sizes; }
    std::vector<Lane> take_lanes() override { return std::move(lanes_); }
    std::chrono::nanoseconds patience() const override { return lane_->patience(); }
    bool look() override { return lane_->look(); }
    bool has_no_hurry(uint16_t index) const override { return lane_->has_no_hurry(index); }
    unsigned helpers() const override { return 2; }
    void help() override { shared_->helpers.run(); }
    // How many of helpers() have begun. Any thread.
    size_t helpers_running() const { return shared_->helpers.running(); }
    void end_help() override { shared_->helpers.stop(); }
    void read_config(uint32_t offset, std::span<std::byte> out) const override;
    Result<void> activate(DeviceContext& context) override { return lane_->activate(context); }
    Result<void, GuestFault> handle_queue(uint16_t index) override { return lane_->handle_queue(index); }
    void reset() override;

private:
    Fs(std::shared_ptr<FsShared> shared, std::unique_ptr<FsLane> lane, std::vector<Lane> lanes)
        : shared_(std::move(shared)), lane_(std::move(lane)), lanes_(std::move(lanes)) {}

    std::shared_ptr<FsShared> const shared_;
    std::unique_ptr<FsLane> const lane_;
    std::vector<Lane> lanes_;
};

}  // namespace krun::vmm
