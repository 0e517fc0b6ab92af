// SPDX-License-Identifier: Apache-2.0
// virtio-balloon (virtio-v1.2 §5.5) for the one thing that costs nobody anything: the guest reports pages
// that it does not use (§5.5.6.7), and the host has them back until they are touched again. The balloon
// itself stays empty: nobody asks the guest for pages that it wants to keep. To find it takes a guest longer
// than any other device, and one that has just booted has nothing to report: so it is a place without a
// device until it is plugged in (§4.2.3.1).
#pragma once
#include <array>
#include <atomic>

#include "vmm/virtio/device.h"

namespace krun::vmm {

class Balloon final : public VirtioDevice {
public:
    // Any thread.
    void plug() { plugged_ = true; }

    DeviceId id() const override { return plugged_ ? DeviceId::kBalloon : DeviceId::kNone; }
    std::string_view name() const override { return "balloon"; }
    // At most once in two seconds, while there is something to report.
    bool is_notified_often() const override { return false; }
    uint64_t features() const override;
    std::span<uint16_t const> queue_sizes() const override { return kQueueSizes; }
    void read_config(uint32_t offset, std::span<std::byte> out) const override;
    Result<void> activate(DeviceContext& context) override {
        context_ = &context;
        return {};
    }
    Result<void, GuestFault> handle_queue(uint16_t index) override;
    void reset() override { context_ = nullptr; }

private:
    // Inflate, deflate, reports: Linux and QEMU number the queues that there are, whatever §5.5.2 says. Linux
    // reports 32 ranges at once and asks for as many descriptors.
    static constexpr std::array<uint16_t, 3> kQueueSizes{64, 64, 64};
    static constexpr uint16_t kReports = 2;
    std::atomic<bool> plugged_ = false;
    DeviceContext* context_ = nullptr;
    Chain chain_;
};

}  // namespace krun::vmm
