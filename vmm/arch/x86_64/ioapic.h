// SPDX-License-Identifier: Apache-2.0
// The I/O APIC: turns a device's edge into a message to local APICs, as the guest has programmed its pin
// (Intel 82093AA data sheet, 290566-001, §3). It is here and not in the kernel because KVM delivers a message
// on the thread that asks for it, but an edge of a pin of its own I/O APIC from a work queue: one switch of
// threads more for each interrupt. Pins are edge-triggered, whatever the guest says.
#pragma once
#include <array>
#include <atomic>
#include <functional>

#include "base/mutex.h"
#include "vmm/bus/mmio_device.h"
#include "vmm/bus/register_page.h"
#include "vmm/memory/layout.h"

namespace krun::vmm::x86_64 {

// A message-signalled interrupt (Intel SDM volume 3A, §11.11).
struct InterruptMessage {
    uint64_t address;
    uint32_t data;
    bool operator==(InterruptMessage const&) const = default;
};

class IoApic final : public MmioDevice {
public:
    // `page` outlives it. `send` is called on any thread, several at once. `pins`: 1 to kIoApicPins; Linux
    // reads and writes the entry of each when it starts, and each access is an exit.
    IoApic(RegisterPage page, uint32_t pins, std::function<void(InterruptMessage)> send);

    std::string_view name() const override { return "ioapic"; }
    void write(uint64_t offset, std::span<std::byte const> data) override EXCLUDES(mutex_);
    // An edge. While its pin is masked it is kept. Any thread; does not wait. REQUIRES: there is such a pin.
    void raise(uint32_t pin);

private:
    uint32_t read_selected() const REQUIRES(mutex_);
    void write_selected(uint32_t value) REQUIRES(mutex_);
    void send_if_kept(uint32_t pin);

    RegisterPage const page_;
    uint32_t const pins_;
    std::function<void(InterruptMessage)> const send_;
    std::array<std::atomic<uint64_t>, layout::kIoApicPins> entries_;  // of the redirection table
    std::atomic<uint32_t> kept_{0};                                   // a bit a pin
    Mutex mutex_;
    uint32_t selected_ GUARDED_BY(mutex_) = 0;
    uint32_t id_ GUARDED_BY(mutex_) = 0;
};

}  // namespace krun::vmm::x86_64
