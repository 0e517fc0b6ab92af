// SPDX-License-Identifier: Apache-2.0
// virtio-net (virtio-v1.2 §5.1): pairs of queues, each served by a thread of its own where there are several,
// and one queue for the driver's commands. The device filters nothing: what the back-end gives is the
// guest's.
#pragma once
#include <array>
#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/mutex.h"
#include "vmm/device/net_pair.h"
#include "vmm/device/net_protocol.h"
#include "vmm/network_slot.h"
#include "vmm/virtio/device.h"

namespace krun::vmm {

class Net final : public VirtioDevice, public NetworkSlot {
public:
    // For a driver that has not accepted several pairs. Then control comes after the last of them (§5.1.2).
    enum QueueIndex : uint16_t { kReceive = 0, kTransmit = 1, kControl = 2 };

    // `number` tells its threads from those of other slots. `pairs` is at least 1.
    static Result<std::unique_ptr<Net>> make(uint32_t number, uint32_t pairs = 1);

    bool plug(NetInterface interface) override EXCLUDES(mu_);

    DeviceId id() const override { return plugged_ ? DeviceId::kNet : DeviceId::kNone; }
    std::string_view name() const override { return name_; }
    uint64_t features() const override EXCLUDES(mu_);
    std::span<uint16_t const> queue_sizes() const override { return queue_sizes_; }
    std::vector<Lane> take_lanes() override;
    void read_config(uint32_t offset, std::span<std::byte> out) const override EXCLUDES(mu_);
    Result<void> activate(DeviceContext& context) override;
    Result<void, GuestFault> handle_queue(uint16_t index) override;
    void reset() override;

    // For the device's lanes: the same for those of the queues that `context` has.
    Result<void> activate_part(DeviceContext& context) EXCLUDES(mu_);
    Result<void, GuestFault> handle_queue(DeviceContext& context, uint16_t index) EXCLUDES(mu_);
    void reset_part(DeviceContext const& context);

private:
    Net(std::string name, uint32_t pairs);

    uint16_t offered_pairs() const REQUIRES(mu_);
    uint16_t usable_pairs(DeviceContext const& context) const EXCLUDES(mu_);
    NetBackend* backend_of(uint16_t pair) EXCLUDES(mu_);
    Result<void, GuestFault> take_commands(DeviceContext& context, uint16_t index);
    bool carry_out(DeviceContext const& context, NetCommand const& command, Chain const& chain);
    bool set_pairs(DeviceContext const& context, Chain const& chain);
    Result<void> attach_pairs(uint16_t wanted);

    std::string name_;
    std::vector<uint16_t> queue_sizes_;
    std::vector<std::unique_ptr<NetPair>> pairs_;
    DeviceContext* context_ = nullptr;
    uint16_t attached_ = 1;  // pairs that the back-end serves; of the thread with the commands

    std::atomic<bool> plugged_ = false;
    std::atomic<bool> link_up_ = false;
    mutable Mutex mu_;                                       // a leaf
    std::optional<NetInterface> interface_ GUARDED_BY(mu_);  // set once
};

}  // namespace krun::vmm
