// SPDX-License-Identifier: Apache-2.0
#include "vmm/virtio/mmio.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "vmm/virtio/features.h"

namespace krun::vmm {
namespace {

// virtio-v1.2 §4.2.2, table 4.1.
enum Register : uint64_t {
    kMagicValue = 0x000,
    kVersion = 0x004,
    kDeviceId = 0x008,
    kVendorId = 0x00c,
    kDeviceFeatures = 0x010,
    kDeviceFeaturesSel = 0x014,
    kDriverFeatures = 0x020,
    kDriverFeaturesSel = 0x024,
    kQueueSel = 0x030,
    kQueueNumMax = 0x034,
    kQueueNum = 0x038,
    kQueueReady = 0x044,
    kQueueNotify = kQueueNotifyOffset,
    kInterruptStatus = 0x060,
    kInterruptAck = kInterruptAckOffset,
    kStatus = 0x070,
    kQueueDescLow = 0x080,
    kQueueDescHigh = 0x084,
    kQueueDriverLow = 0x090,
    kQueueDriverHigh = 0x094,
    kQueueDeviceLow = 0x0a0,
    kQueueDeviceHigh = 0x0a4,
    kShmLenLow = 0x0b0,
    kShmLenHigh = 0x0b4,
    kShmBaseLow = 0x0b8,
    kShmBaseHigh = 0x0bc,
    kConfigGeneration = 0x0fc,
    kConfig = RegisterPage::kConfigOffset,
};

// Those that can be read, but for InterruptStatus, which changes without a write.
constexpr Register kReadable[] = {kMagicValue,  kVersion,     kDeviceId,        kVendorId,  kDeviceFeatures,
                                  kQueueNumMax, kQueueReady,  kStatus,          kShmLenLow, kShmLenHigh,
                                  kShmBaseLow,  kShmBaseHigh, kConfigGeneration};

constexpr uint32_t kMagic = 0x74726976;   // "virt"
constexpr uint32_t kVendor = 0x4e55524b;  // "KRUN"

uint32_t half(uint64_t value, uint32_t select) {
    if (select > 1) return 0;  // §4.2.2.1: there are no more than 64 bits
    return static_cast<uint32_t>(value >> (32 * select));
}

void set_low(uint64_t& value, uint32_t low) {
    value = (value & ~uint64_t{UINT32_MAX}) | low;
}
void set_high(uint64_t& value, uint32_t high) {
    value = (value & UINT32_MAX) | uint64_t{high} << 32;
}

}  // namespace

VirtioMmio::VirtioMmio(GuestMemory const& ram, Worker& worker, Interrupt& interrupt, RegisterPage page)
    : ram_(ram), worker_(worker), interrupt_(interrupt), page_(page) {
    for (uint16_t const max : worker_.device().queue_sizes()) {
        QueueRegisters registers;
        registers.max = max;
        queues_.push_back(registers);
    }
    interrupt_.keep_status_in(page_.word(kInterruptStatus));
    interrupt_.before_config_change([this] { refresh(); });
    refresh();
}

void VirtioMmio::refresh() {
    Lock lock(mutex_);
    for (auto const at : kReadable) page_.store(at, read_register(at));
    std::array<std::byte, RegisterPage::kConfigBytes> config{};
    worker_.device().read_config(0, config);
    page_.store_config(config);
}

uint64_t VirtioMmio::offered_features() const {
    return kTransportFeatures | worker_.device().features();
}

uint32_t VirtioMmio::read_register(uint64_t offset) {
    auto const* queue = selected();
    switch (offset) {
        case kMagicValue:
            return kMagic;
        case kVersion:
            return 2;
        case kDeviceId:
            return static_cast<uint32_t>(worker_.device().id());
        case kVendorId:
            return kVendor;
        case kDeviceFeatures:
            return half(offered_features(), device_features_select_);
        case kQueueNumMax:
            return queue != nullptr ? queue->max : 0;
        case kQueueReady:
            return queue != nullptr && queue->ready ? 1 : 0;
        case kStatus:
            return status_ | (interrupt_.is_reset_needed() ? kStatusNeedsReset : 0);
        case kConfigGeneration:
            return interrupt_.generation();
        default:
            // §4.2.2: no shared memory region exists: all its registers read as ones.
            if (offset >= kShmLenLow && offset <= kShmBaseHigh) return UINT32_MAX;
            return 0;
    }
}

void VirtioMmio::write(uint64_t offset, std::span<std::byte const> data) {
    if (offset >= kConfig) {
        worker_.device().write_config(static_cast<uint32_t>(offset - kConfig), data);
        return refresh();
    }
    if (data.size() != 4 || offset % 4 != 0) return;
    uint32_t value = 0;
    std::memcpy(&value, data.data(), sizeof value);
    write_register(offset, value);
    if (offset != kQueueNotify) refresh();
}

void VirtioMmio::write_register(uint64_t offset, uint32_t value) {
    switch (offset) {
        case kStatus:
            return write_status(value);
        case kInterruptAck:
            return interrupt_.acknowledge(value);
        case kQueueNotify:
            // Normally KVM takes this write. A worker looks at all its queues, so a wrong index is harmless.
            return worker_.ring(value);
        default:
            break;
    }
    Lock lock(mutex_);
    if (in_transition_) return;
    switch (offset) {
        case kDeviceFeaturesSel:
            device_features_select_ = value;
            return;
        case kDriverFeaturesSel:
            driver_features_select_ = value;
            return;
        case kDriverFeatures:
            return write_features(value);
        case kQueueSel:
            queue_select_ = value;
            return;
        default:
            return write_queue(offset, value);
    }
}

void VirtioMmio::write_features(uint32_t value) {
    // §3.1.1 step 4: after DRIVER and before FEATURES_OK, and never again.
    if ((status_ & kStatusDriver) == 0 || (status_ & kStatusFeaturesOk) != 0) return;
    if (driver_features_select_ == 0) set_low(driver_features_, value);
    if (driver_features_select_ == 1) set_high(driver_features_, value);
    // A bit beyond 63 is one that we did not offer: FEATURES_OK must be refused (§2.2.2).
    if (driver_features_select_ > 1 && value != 0) driver_features_ |= ~offered_features();
}

VirtioMmio::QueueRegisters* VirtioMmio::selected() {
    return queue_select_ < queues_.size() ? &queues_[queue_select_] : nullptr;
}

void VirtioMmio::write_queue(uint64_t offset, uint32_t value) {
    auto* queue = selected();
    // §3.1.1 step 7: queues are set up between FEATURES_OK and DRIVER_OK.
    if (queue == nullptr || (status_ & kStatusFeaturesOk) == 0 || (status_ & kStatusDriverOk) != 0) return;
    if (offset == kQueueReady) {
        queue->ready = (value & 1) != 0;
        return;
    }
    if (queue->ready) return;  // §4.2.2.2: the layout of a ready queue does not change
    switch (offset) {
        case kQueueNum:
            queue->size = value;
            return;
        case kQueueDescLow:
            return set_low(queue->descriptors, value);
        case kQueueDescHigh:
            return set_high(queue->descriptors, value);
        case kQueueDriverLow:
            return set_low(queue->driver_area, value);
        case kQueueDriverHigh:
            return set_high(queue->driver_area, value);
        case kQueueDeviceLow:
            return set_low(queue->device_area, value);
        case kQueueDeviceHigh:
            return set_high(queue->device_area, value);
        default:
            return;  // read-only or undefined
    }
}

// §2.1.1: the driver sets bits in order and never clears one, except all of them by writing 0.
bool VirtioMmio::may_advance(uint32_t value) const {
    if ((status_ & ~value) != 0 || (status_ & kStatusFailed) != 0) return false;
    uint32_t const added = value & ~status_;
    if ((added & kStatusDriver) != 0 && (value & kStatusAcknowledge) == 0) return false;
    if ((added & kStatusFeaturesOk) != 0) {
        if ((value & kStatusDriver) == 0) return false;
        // §2.2.2, §6.1: only what was offered, and never a legacy driver.
        if ((driver_features_ & ~offered_features()) != 0 || (driver_features_ & kFeatureVersion1) == 0)
            return false;
    }
    return (added & kStatusDriverOk) == 0 || (status_ & kStatusFeaturesOk) != 0;
}

void VirtioMmio::write_status(uint32_t value) {
    bool start = false;
    {
        Lock lock(mutex_);
        while (in_transition_) settled_.wait(mutex_);
        // NEEDS_RESET is ours to set: a driver that writes back what it read does not clear or set it.
        value &= kStatusAcknowledge | kStatusDriver | kStatusDriverOk | kStatusFeaturesOk | kStatusFailed;
        if (value != 0) {
            if (!may_advance(value)) return;
            start = (value & ~status_ & kStatusDriverOk) != 0;
            status_ = value;
            seen_status_ |= value;
            if (!start) return;
        }
        in_transition_ = true;
    }
    if (start)
        activate();
    else
        reset();
    Lock lock(mutex_);
    in_transition_ = false;
    settled_.notify_all();
}

DeviceState VirtioMmio::state() const {
    Lock lock(mutex_);
    DeviceState out{.name = std::string(name()),
                    .status = status_ | (interrupt_.is_reset_needed() ? kStatusNeedsReset : 0),
                    .seen_status = seen_status_,
                    .driver_features = driver_features_,
                    .fault = {},
                    .queues = {}};
    for (auto const& q : queues_) out.queues.push_back({.size = q.ready ? q.size : 0});
    return out;
}

void VirtioMmio::activate() {
    uint64_t features = 0;
    auto queues = [&]() -> Result<Worker::Queues, GuestFault> {
        Lock lock(mutex_);
        features = driver_features_;
        return prove_queues();
    }();
    if (!queues.ok()) return interrupt_.needs_reset();
    worker_.activate(std::move(queues).value(), features);
}

Result<Worker::Queues, GuestFault> VirtioMmio::prove_queues() const {
    Worker::Queues out;
    for (auto const& q : queues_) {
        if (!q.ready) {
            out.emplace_back();
            continue;
        }
        if (q.size > q.max) return fail(GuestFault{"queue larger than QueueNumMax"});
        QueueLayout const layout{.size = static_cast<uint16_t>(q.size),
                                 .descriptors = GuestAddr{q.descriptors},
                                 .driver_area = GuestAddr{q.driver_area},
                                 .device_area = GuestAddr{q.device_area},
                                 .event_idx = (driver_features_ & kFeatureEventIdx) != 0,
                                 .indirect = (driver_features_ & kFeatureIndirectDesc) != 0};
        out.emplace_back(TRY(Queue::make(ram_, layout)));
    }
    return out;
}

// §2.4: a barrier. The driver reads a status of 0 only after the device has let go of guest memory.
void VirtioMmio::reset() {
    bool was_active = false;
    {
        Lock lock(mutex_);
        was_active = (status_ & kStatusDriverOk) != 0;
    }
    if (was_active) worker_.reset();
    Lock lock(mutex_);
    status_ = 0;
    driver_features_ = 0;
    device_features_select_ = driver_features_select_ = queue_select_ = 0;
    for (auto& q : queues_) {
        uint16_t const max = q.max;
        q = QueueRegisters{};
        q.max = max;
    }
    interrupt_.clear();
}

}  // namespace krun::vmm
