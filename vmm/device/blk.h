// SPDX-License-Identifier: Apache-2.0
// virtio-blk (virtio-v1.2 §5.2): the guest's requests on a Disk, straight between its memory and the host's
// kernel. All queues are served by the device's one thread, in order of arrival in each; one request at a
// time, for as long as the host's storage takes.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "vmm/disk/disk.h"
#include "vmm/machine_spec.h"
#include "vmm/virtio/device.h"

namespace krun::vmm {

class Blk final : public VirtioDevice {
public:
    static constexpr uint16_t kMaxQueues = 4;  // more queues than that are of no use to one thread

    // One queue for each of `vcpus`, at most kMaxQueues. Refuses a serial that is not 1 to 20 bytes.
    static Result<std::unique_ptr<Blk>> make(DiskSpec spec, uint32_t vcpus);

    DeviceId id() const override { return DeviceId::kBlock; }
    std::string_view name() const override { return name_; }
    uint64_t features() const override;
    std::span<uint16_t const> queue_sizes() const override { return queue_sizes_; }
    // What the page cache answers takes less than waking up.
    std::chrono::nanoseconds patience() const override { return std::chrono::microseconds(50); }
    void read_config(uint32_t offset, std::span<std::byte> out) const override;
    Result<void> activate(DeviceContext& context) override;
    Result<void, GuestFault> handle_queue(uint16_t index) override;
    void reset() override { context_ = nullptr; }

private:
    // How a request ended: its status byte, and how many bytes before that were filled.
    struct Outcome {
        uint8_t status;
        size_t filled = 0;
    };
    Blk(DiskSpec spec, uint16_t queues);
    Outcome serve();
    Outcome read(uint64_t sector);
    Outcome write(uint64_t sector);
    Outcome flush();
    Outcome take_ranges(uint32_t type);
    Outcome tell_serial();
    bool is_inside(uint64_t sector, uint64_t bytes) const;

    std::string serial_;
    std::string name_;
    std::unique_ptr<Disk> disk_;
    uint64_t sectors_;
    std::vector<uint16_t> queue_sizes_;
    DeviceContext* context_ = nullptr;
    bool write_through_ = false;  // the driver knows no flush: each write is one (§5.2.6.2)
    Chain chain_;
    std::vector<iovec> data_;  // of the request in hand
};

}  // namespace krun::vmm
