// SPDX-License-Identifier: Apache-2.0
// The thread that owns one device and its queues. vCPU threads reach it by its mailbox (activate, reset) and
// by the doorbell eventfd that KVM writes when the driver notifies a queue; it answers through an Interrupt.
// A device with lanes has a worker for each of these, too, which its own worker owns, starts and stops.
#pragma once
#include <memory>
#include <optional>
#include <variant>
#include <vector>

#include "base/event_loop.h"
#include "base/mailbox.h"
#include "base/mutex.h"
#include "vmm/device_state.h"
#include "vmm/machine_spec.h"
#include "vmm/thread.h"
#include "vmm/virtio/device.h"
#include "vmm/virtio/interrupt.h"
#include "vmm/virtio/interval_timer.h"
#include "vmm/virtio/patience.h"

namespace krun::vmm {

class Worker final : private DeviceContext {
public:
    using Queues = std::vector<std::optional<Queue>>;  // empty: left disabled by the driver

    // `interrupt` outlives the worker. `on_fault` may be empty.
    static Result<std::unique_ptr<Worker>> make(std::unique_ptr<VirtioDevice> device, Interrupt& interrupt,
                                                GuestFaultSink on_fault = {});
    ~Worker() override { stop(); }

    // `filter` confines the thread; may be null.
    Result<void> start(SharedFilter filter = nullptr);
    // Ends and joins the thread; the device is reset on the way. Idempotent.
    void stop();

    // Any thread: what VirtioDevice allows on vCPU threads.
    VirtioDevice& device() { return *device_; }
    VirtioDevice const& device() const { return *device_; }
    // KVM adds to it for each notification; for those of `queue`, where the device has lanes.
    BorrowedFd doorbell() const { return doorbell_.borrow(); }
    BorrowedFd doorbell(uint32_t queue) const;
    bool has_lanes() const { return !lanes_.empty(); }
    void ring() { ring_doorbell(doorbell()); }
    void ring(uint32_t queue) { ring_doorbell(doorbell(queue)); }
    // Fills in what the device's thread knows. REQUIRES: stop() has returned.
    void complete(DeviceState& state) const;
    // Hands over proved queues. Any thread; returns at once.
    void activate(Queues queues, uint64_t driver_features);
    // When this returns the device has forgotten its queues and touches guest memory no more (virtio-v1.2
    // §2.4.1). Blocks until the device's current request is done. Any thread but the worker's own.
    void reset();

private:
    using Clock = Patience::Clock;

    struct Activate {
        Queues queues;
        uint64_t driver_features;
    };
    struct Reset {};
    struct Stop {};
    using Message = std::variant<Activate, Reset, Stop>;

    Worker(std::unique_ptr<VirtioDevice> device, Interrupt& interrupt, GuestFaultSink on_fault,
           EventLoop loop, Mailbox<Message> mailbox, UniqueFd doorbell, Patience patience)
        : device_(std::move(device)),
          interrupt_(interrupt),
          on_fault_(std::move(on_fault)),
          loop_(std::move(loop)),
          mailbox_(std::move(mailbox)),
          doorbell_(std::move(doorbell)),
          patience_(patience) {}

    struct LaneWorker {
        std::vector<uint16_t> queues;
        std::unique_ptr<Worker> worker;
        bool runs = false;  // else this worker serves its queues
    };

    static void ring_doorbell(BorrowedFd doorbell);
    Result<void> start_lanes(SharedFilter const& filter);
    void run();
    Result<bool> wait();
    void take_messages();
    void handle(Activate& message);
    void handle(Reset& message);
    void handle(Stop& message);
    void deactivate();
    // True if there was something to serve.
    bool serve_queues();
    void interrupt_if_wanted();
    // Returns when it was last busy.
    Clock::time_point watch_queues();
    void end_watch();
    // Lets the driver lag with the queues that have no hurry, or no longer.
    void linger(bool on);
    void look_again();

    // DeviceContext
    uint64_t driver_features() const override { return driver_features_; }
    uint16_t queue_count() const override { return static_cast<uint16_t>(queues_.size()); }
    Queue* queue(uint16_t index) override;
    EventLoop& loop() override { return loop_; }
    void config_changed() override { interrupt_.config_changed(); }
    void tell_driver() override { interrupt_if_wanted(); }
    void fault(GuestFault fault) override;

    std::unique_ptr<VirtioDevice> device_;
    Interrupt& interrupt_;
    GuestFaultSink on_fault_;
    EventLoop loop_;
    Mailbox<Message> mailbox_;
    UniqueFd doorbell_;
    Patience patience_;
    std::optional<IntervalTimer> timer_;  // of a device with queues that have no hurry

    // The worker thread's own.
    Queues queues_;
    std::vector<uint16_t> unhurried_;  // of queues_, those that have no hurry
    uint64_t driver_features_ = 0;
    bool active_ = false;
    bool faulted_ = false;  // until reset: the guest broke a rule, its queues are served no more
    bool stopping_ = false;
    bool lingers_ = false;        // the timer is on: looks at queues without hurry now and then
    bool served_lately_ = false;  // since the timer rang
    unsigned faults_told_ = 0;
    char const* last_fault_ = nullptr;
    std::vector<QueueState> last_positions_;  // as the last queues had them when they went

    Mutex reset_mutex_;
    CondVar reset_done_;
    uint64_t resets_asked_ GUARDED_BY(reset_mutex_) = 0;
    uint64_t resets_done_ GUARDED_BY(reset_mutex_) = 0;

    Thread thread_;
    std::vector<Thread> helpers_;
    std::vector<LaneWorker> lanes_;  // from start() on as they are
};

}  // namespace krun::vmm
