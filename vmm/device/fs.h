// SPDX-License-Identifier: Apache-2.0
// virtio-fs (virtio-v1.2 §5.11): hands each FUSE request from a queue to a file server and back, without a
// copy. Knows no FUSE. Requests are served on the device's thread, in order of arrival in each queue, but for
// those that helpers serve (fs_helpers.h), which the specification lets overtake and be overtaken.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "vmm/device/fs_helpers.h"
#include "vmm/machine_spec.h"
#include "vmm/virtio/device.h"

namespace krun::vmm {

class Fs final : public VirtioDevice {
public:
    // `request_queues`: 1..64. Linux (6.11 and later) gives each of its CPUs one of them, so more than there
    // are vCPUs are of no use; one thread serves them all.
    // Fails if the tag is empty or longer than 36 bytes.
    static Result<std::unique_ptr<Fs>> make(Share share, uint16_t request_queues = 1);

    DeviceId id() const override { return DeviceId::kFs; }
    std::string_view name() const override { return name_; }
    std::span<uint16_t const> queue_sizes() const override { return queue_sizes_; }
    std::chrono::nanoseconds patience() const override { return std::chrono::microseconds(50); }
    bool look() override { return collect(); }
    unsigned helpers() const override { return 2; }
    void help() override { helpers_->run(); }
    void end_help() override { helpers_->stop(); }
    void read_config(uint32_t offset, std::span<std::byte> out) const override;
    Result<void> activate(DeviceContext& context) override;
    Result<void, GuestFault> handle_queue(uint16_t index) override;
    void reset() override;

private:
    Fs(Share share, uint16_t request_queues, std::unique_ptr<FsHelpers> helpers, UniqueFd timer);
    bool is_for_helpers(Queue const& queue) const;
    // A request that waits for a lock is kept, and served again now and then and when others were served.
    void park(uint16_t queue);
    Result<void, GuestFault> serve_parked();
    // Starts the timer for parked requests, or ends it.
    void set_timer(bool on);
    // Returns to the driver what helpers have done. True if there was some.
    bool collect();
    Result<void, GuestFault> give_back(Queue& queue, Chain const& chain, uint32_t written);

    Share share_;
    std::string name_;
    std::vector<uint16_t> queue_sizes_;  // [0] is hiprio, then the request queues
    std::unique_ptr<FsHelpers> helpers_;
    DeviceContext* context_ = nullptr;
    Chain chain_;
    struct Parked {
        uint16_t queue;
        Chain chain;
    };
    // So many processes of the guest may wait at once, then ENOLCK: the driver's queue has room for others.
    static constexpr size_t kMaxParked = 64;
    std::vector<Parked> parked_;
    UniqueFd timer_;
};

}  // namespace krun::vmm
