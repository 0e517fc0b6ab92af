// SPDX-License-Identifier: Apache-2.0
// Stands where the transport and the worker stand: activates a device, plays its driver's queues, delivers
// notifications and turns its event loop, all on the test's thread.
#pragma once
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tests/support/guest_driver.h"
#include "vmm/virtio/device.h"

namespace krun::vmm {

class DeviceRig final : public DeviceContext {
public:
    static constexpr uint64_t kRoomBytes = 2 << 20;  // each queue's rings and buffers

    // `accepted`: what the driver takes of what the device offers.
    explicit DeviceRig(VirtioDevice& device, uint64_t accepted = ~uint64_t{0})
        : device_(device),
          features_(device.features() & accepted),
          ram_(small_ram((device.queue_sizes().size() + 1) * kRoomBytes)),
          loop_(must(EventLoop::make())) {
        start();
    }
    ~DeviceRig() override { device_.reset(); }

    // The driver resets the device and sets it up again; all buffers are forgotten.
    void restart() {
        device_.reset();
        // A driver clears its rings before it hands them over again.
        std::string const zeros(kRoomBytes, '\0');
        for (auto& driver : drivers_) driver->write(driver->layout().descriptors, zeros);
        start();
    }

    GuestDriver& driver(uint16_t index) { return *drivers_.at(index); }
    GuestMemory const& ram() const { return ram_; }
    // The driver notifies; a fault is kept for fault().
    void kick(uint16_t index) {
        if (auto r = device_.handle_queue(index); !r.ok()) fault(r.error());
    }
    // Runs what is ready in the loop now.
    void turn() { must(loop_.run_once(0)); }
    // Runs the loop until `done`, or gives up after `rounds` waits of at most 10 ms.
    template <class Done>
    bool turn_until(Done done, int rounds = 500) {
        for (int i = 0; i < rounds && !done(); ++i) must(loop_.run_once(10));
        return done();
    }

    // The rule that the driver broke, if any.
    std::string const& broken_rule() const { return fault_; }
    int faults() const { return faults_; }
    int config_changes() const { return config_changes_; }

    uint64_t driver_features() const override { return features_; }
    uint16_t queue_count() const override { return static_cast<uint16_t>(queues_.size()); }
    Queue* queue(uint16_t index) override { return &queues_.at(index); }
    EventLoop& loop() override { return loop_; }
    void config_changed() override { ++config_changes_; }
    void tell_driver() override {}
    void fault(GuestFault fault) override {
        fault_ = fault.rule;
        ++faults_;
    }

private:
    void start() {
        drivers_.clear();
        queues_.clear();
        uint64_t base = kRoomBytes;
        for (uint16_t const size : device_.queue_sizes()) {
            drivers_.push_back(std::make_unique<GuestDriver>(
                ram_, DriverOptions{.base = GuestAddr{base}, .room_bytes = kRoomBytes, .size = size}));
            queues_.push_back(drivers_.back()->make_queue());
            base += kRoomBytes;
        }
        must(device_.activate(*this));
    }

    VirtioDevice& device_;
    uint64_t features_;
    GuestMemory ram_;
    EventLoop loop_;
    std::vector<std::unique_ptr<GuestDriver>> drivers_;
    std::vector<Queue> queues_;
    std::string fault_;
    int faults_ = 0;
    int config_changes_ = 0;
};

}  // namespace krun::vmm
