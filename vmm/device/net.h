// SPDX-License-Identifier: Apache-2.0
// virtio-net (virtio-v1.2 §5.1): one pair of queues and one for the driver's commands. Frames go straight
// between the guest's buffers and the back-end; of each only the header is looked at. The device filters
// nothing: what the back-end gives is the guest's.
#pragma once
#include <array>
#include <atomic>
#include <optional>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "vmm/device/doorbell.h"
#include "vmm/device/net_protocol.h"
#include "vmm/device/received_buffers.h"
#include "vmm/network_slot.h"
#include "vmm/virtio/device.h"

namespace krun::vmm {

class Net final : public VirtioDevice, public NetworkSlot {
public:
    enum QueueIndex : uint16_t { kReceive = 0, kTransmit = 1, kControl = 2 };

    // `number` tells its thread from those of other slots.
    static Result<std::unique_ptr<Net>> make(uint32_t number);

    bool plug(NetInterface interface) override EXCLUDES(mu_);

    DeviceId id() const override { return plugged_ ? DeviceId::kNet : DeviceId::kNone; }
    std::string_view name() const override { return name_; }
    uint64_t features() const override EXCLUDES(mu_);
    std::span<uint16_t const> queue_sizes() const override { return kQueueSizes; }
    void read_config(uint32_t offset, std::span<std::byte> out) const override EXCLUDES(mu_);
    Result<void> activate(DeviceContext& context) override EXCLUDES(mu_);
    Result<void, GuestFault> handle_queue(uint16_t index) override;
    void reset() override;

private:
    // A receive queue's buffers take guest memory from the moment the interface is up.
    static constexpr std::array<uint16_t, 3> kQueueSizes{256, 256, 64};

    Net(std::string name, Doorbell bell) : name_(std::move(name)), more_to_send_(std::move(bell)) {}

    bool accepted(uint64_t feature) const { return (context_->driver_features() & feature) != 0; }
    void backend_ready(uint32_t events);
    Result<void, GuestFault> receive();
    Result<void, GuestFault> transmit();
    bool finish_frame();
    Result<bool, GuestFault> send(Queue& queue);
    bool is_sendable(NetHeader const& header) const;
    Result<void, GuestFault> take_commands();
    uint8_t carry_out(NetCommand const& command) const;
    void watch(uint32_t events, bool on);
    void end_link();

    std::string name_;
    Doorbell more_to_send_;
    DeviceContext* context_ = nullptr;
    NetBackend* backend_ = nullptr;  // from activate() to reset(), while the link is up
    uint32_t watched_ = 0;
    std::optional<ReceivedBuffers> buffers_;
    Chain chain_;
    std::vector<iovec> parts_;

    std::atomic<bool> plugged_ = false;
    std::atomic<bool> link_up_ = false;
    mutable Mutex mu_;                                       // a leaf
    std::optional<NetInterface> interface_ GUARDED_BY(mu_);  // set once
};

}  // namespace krun::vmm
