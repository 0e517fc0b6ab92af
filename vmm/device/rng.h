// SPDX-License-Identifier: Apache-2.0
// virtio-entropy (virtio-v1.2 §5.4): fills what the guest offers from the host kernel's generator.
#pragma once
#include <array>

#include "vmm/virtio/device.h"

namespace krun::vmm {

class Rng final : public VirtioDevice {
public:
    DeviceId id() const override { return DeviceId::kRng; }
    std::string_view name() const override { return "rng"; }
    std::span<uint16_t const> queue_sizes() const override { return kQueueSizes; }
    void read_config(uint32_t /*offset*/, std::span<std::byte> /*out*/) const override {}  // §5.4.4: none
    Result<void> activate(DeviceContext& context) override {
        context_ = &context;
        return {};
    }
    Result<void, GuestFault> handle_queue(uint16_t index) override;
    void reset() override { context_ = nullptr; }

private:
    static constexpr std::array<uint16_t, 1> kQueueSizes{64};
    DeviceContext* context_ = nullptr;
    Chain chain_;
};

}  // namespace krun::vmm
