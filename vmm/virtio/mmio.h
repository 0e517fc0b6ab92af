// SPDX-License-Identifier: Apache-2.0
// virtio-mmio version 2: registers and the device status machine (virtio-v1.2 §4.2, §3.1). What the driver
// writes here is latched: queues are proved and handed to the worker at DRIVER_OK, and no later write reaches
// them. Called by any vCPU thread; one leaf lock, never held while the worker is waited for.
#pragma once
#include <vector>

#include "base/mutex.h"
#include "vmm/bus/mmio_device.h"
#include "vmm/bus/register_page.h"
#include "vmm/device_state.h"
#include "vmm/virtio/worker.h"

namespace krun::vmm {

// The registers that KVM watches itself (virtio-v1.2 §4.2.2): QueueNotify, and InterruptACK of used buffers.
inline constexpr uint64_t kQueueNotifyOffset = 0x050;
inline constexpr uint64_t kInterruptAckOffset = 0x064;

class VirtioMmio final : public MmioDevice {
public:
    // Keeps what the driver reads in `page`, InterruptStatus too. All outlive the transport,
    // and the worker has stopped when it goes.
    VirtioMmio(GuestMemory const& ram, Worker& worker, Interrupt& interrupt, RegisterPage page);

    std::string_view name() const override { return worker_.device().name(); }
    // To be called when the device is another one than before: it was plugged in.
    void refresh() EXCLUDES(mutex_);
    void write(uint64_t offset, std::span<std::byte const> data) override EXCLUDES(mutex_);

    // Any thread. Without queue positions and fault, which are the worker's.
    DeviceState state() const EXCLUDES(mutex_);

private:
    struct QueueRegisters {
        uint16_t max = 0;
        uint32_t size = 0;
        uint64_t descriptors = 0;
        uint64_t driver_area = 0;
        uint64_t device_area = 0;
        bool ready = false;
    };

    uint64_t offered_features() const;
    uint32_t read_register(uint64_t offset) REQUIRES(mutex_);
    void write_register(uint64_t offset, uint32_t value) EXCLUDES(mutex_);
    void write_features(uint32_t value) REQUIRES(mutex_);
    void write_queue(uint64_t offset, uint32_t value) REQUIRES(mutex_);
    void write_status(uint32_t value) EXCLUDES(mutex_);
    bool may_advance(uint32_t value) const REQUIRES(mutex_);
    Result<Worker::Queues, GuestFault> prove_queues() const REQUIRES(mutex_);
    void reset() EXCLUDES(mutex_);
    void activate() EXCLUDES(mutex_);
    QueueRegisters* selected() REQUIRES(mutex_);

    GuestMemory const& ram_;
    Worker& worker_;
    Interrupt& interrupt_;
    RegisterPage const page_;

    mutable Mutex mutex_;
    CondVar settled_;
    // A status write is being carried out with the lock released; others wait for it, all else is ignored.
    bool in_transition_ GUARDED_BY(mutex_) = false;
    uint32_t status_ GUARDED_BY(mutex_) = 0;
    uint32_t seen_status_ GUARDED_BY(mutex_) = 0;
    uint32_t device_features_select_ GUARDED_BY(mutex_) = 0;
    uint32_t driver_features_select_ GUARDED_BY(mutex_) = 0;
    uint64_t driver_features_ GUARDED_BY(mutex_) = 0;
    uint32_t queue_select_ GUARDED_BY(mutex_) = 0;
    std::vector<QueueRegisters> queues_ GUARDED_BY(mutex_);
};

}  // namespace krun::vmm
