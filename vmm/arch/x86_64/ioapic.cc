// SPDX-License-Identifier: Apache-2.0
#include "vmm/arch/x86_64/ioapic.h"

#include <cstring>

namespace krun::vmm::x86_64 {
namespace {

// 82093AA §3.1: a register is selected, then read or written in a window.
constexpr uint64_t kSelect = 0x00, kWindow = 0x10;
// §3.2
constexpr uint32_t kId = 0, kVersion = 1, kArbitration = 2, kTable = 0x10;
constexpr uint32_t kIdBits = 0x0f000000;
constexpr uint32_t kVersionValue = 0x11;
constexpr unsigned kLastPinShift = 16;

// §3.2.4: an entry of the redirection table. Delivery status and remote IRR are never set: a message is sent
// at once, and no pin has a level.
constexpr uint64_t kVector = 0xff, kDeliveryMode = 0x700, kLogical = 1 << 11, kMasked = 1 << 16;
constexpr uint64_t kWritable = 0xff00'0000'0001'afff;
constexpr uint64_t kLowestPriority = 0x100;
constexpr unsigned kDestinationShift = 56;

// SDM 3A §11.11.1
constexpr uint64_t kMessages = 0xfee00000, kMessageLogical = 1 << 2, kMessageHint = 1 << 3;
constexpr unsigned kMessageDestinationShift = 12;

InterruptMessage message_of(uint64_t entry) {
    uint64_t address = kMessages | (entry >> kDestinationShift) << kMessageDestinationShift;
    if ((entry & kLogical) != 0) address |= kMessageLogical;
    if ((entry & kDeliveryMode) == kLowestPriority) address |= kMessageHint;
    return {address, static_cast<uint32_t>(entry & (kVector | kDeliveryMode))};
}

}  // namespace

IoApic::IoApic(RegisterPage page, uint32_t pins, std::function<void(InterruptMessage)> send)
    : page_(page), pins_(pins), send_(std::move(send)) {
    for (auto& entry : entries_) entry.store(kMasked);
}

// Either this thread sees that the pin is not masked any more, or the one that unmasks it sees the edge.
void IoApic::raise(uint32_t pin) {
    uint64_t const entry = entries_[pin].load();
    if ((entry & kMasked) == 0) return send_(message_of(entry));
    kept_.fetch_or(1u << pin);
    send_if_kept(pin);
}

void IoApic::send_if_kept(uint32_t pin) {
    uint64_t const entry = entries_[pin].load();
    if ((entry & kMasked) != 0) return;
    uint32_t const bit = 1u << pin;
    if ((kept_.fetch_and(~bit) & bit) != 0) send_(message_of(entry));
}

void IoApic::write(uint64_t offset, std::span<std::byte const> data) {
    if (data.size() != 4) return;
    uint32_t value = 0;
    std::memcpy(&value, data.data(), sizeof value);
    Lock lock(mutex_);
    if (offset == kSelect) selected_ = value & 0xff;
    if (offset == kWindow) write_selected(value);
    page_.store(kSelect, selected_);
    page_.store(kWindow, read_selected());
}

uint32_t IoApic::read_selected() const {
    if (selected_ == kId || selected_ == kArbitration) return id_;
    if (selected_ == kVersion) return kVersionValue | (pins_ - 1) << kLastPinShift;
    uint32_t const index = selected_ - kTable;  // below the table it wraps to far above it
    if (index / 2 >= pins_) return 0;
    return static_cast<uint32_t>(entries_[index / 2].load() >> (index % 2 * 32));
}

void IoApic::write_selected(uint32_t value) {
    if (selected_ == kId) id_ = value & kIdBits;
    uint32_t const index = selected_ - kTable;
    uint32_t const pin = index / 2;
    if (pin >= pins_) return;
    unsigned const shift = index % 2 * 32;
    uint64_t const others = entries_[pin].load() & ~(uint64_t{UINT32_MAX} << shift);
    entries_[pin].store((others | uint64_t{value} << shift) & kWritable);
    send_if_kept(pin);
}

}  // namespace krun::vmm::x86_64
