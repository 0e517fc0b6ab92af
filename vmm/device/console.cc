// SPDX-License-Identifier: Apache-2.0
#include "vmm/device/console.h"

#include <algorithm>
#include <array>
#include <bit>
#include <utility>

#include "base/bytes.h"
#include "base/check.h"
#include "vmm/device/config_bytes.h"
#include "vmm/device/console_protocol.h"

namespace krun::vmm {
namespace {

// The driver puts a page into every entry of a queue to the guest, in every boot; hvc0 writes one line at a
// time and waits for it.
constexpr uint16_t kToGuestSize = 16;
constexpr uint16_t kToHostSize = 64;
constexpr uint16_t kControlSize = 32;

// Output of one chain beyond this is dropped. Linux sends at most a pipe's worth, and a pipe's usual limit
// is 1 MiB. Without a cap one chain whose descriptors all name the same page would be 4 GiB of copying.
constexpr size_t kMaxOutputBytes = 1 << 20;
// What is handed to ConsolePort::write at a time.
constexpr size_t kPieceBytes = 4096;
constexpr size_t kMaxNameBytes = 256;

// Bits of Port::owed, in the order in which the guest must see them: a flag per message instead of a queue
// of messages, so that a driver that asks and never listens costs nothing.
enum Owed : uint32_t { kAdd = 1, kIsConsole = 2, kName = 4, kSize = 8, kOpen = 16 };

}  // namespace

Result<std::unique_ptr<Console>> Console::make(std::vector<ConsolePort> ports, Multiport multiport) {
    if (ports.empty() || ports.size() > kMaxPorts)
        return fail(Error(Errc::kInvalidConfig, "a console has 1 to 16 ports"));
    for (auto const& port : ports) {
        if (port.name.size() > kMaxNameBytes)
            return fail(Error(Errc::kInvalidConfig, "a console port's name is longer than 256 bytes"));
    }
    bool const many = ports.size() > 1 || multiport == Multiport::kAlways;
    auto bell = TRY_WITH(Doorbell::make(), "make the console");
    return std::unique_ptr<Console>(new Console(std::move(ports), many, std::move(bell)));
}

Console::Console(std::vector<ConsolePort> ports, bool multiport, Doorbell bell)
    : multiport_(multiport), bell_(std::move(bell)) {
    for (auto& port : ports) ports_.push_back({.spec = std::move(port)});
    inboxes_ = std::vector<Inbox>(ports_.size());
    queue_sizes_ = {kToGuestSize, kToHostSize};
    if (!multiport_) return;
    queue_sizes_.insert(queue_sizes_.end(), 2, kControlSize);
    for (size_t i = 1; i < ports_.size(); ++i)
        queue_sizes_.insert(queue_sizes_.end(), {kToGuestSize, kToHostSize});
}

Console::~Console() = default;

size_t Console::send(uint32_t port, std::span<std::byte const> bytes) {
    KRUN_CHECK(port < ports_.size(), "input for a port that does not exist");
    size_t taken = 0;
    {
        Lock lock(mu_);
        taken = inboxes_[port].input.append(bytes);
    }
    if (taken > 0) bell_.ring();
    return taken;
}

void Console::resize(uint32_t port, ConsoleSize size) {
    KRUN_CHECK(port < ports_.size(), "size of a port that does not exist");
    {
        Lock lock(mu_);
        inboxes_[port].size = size;
        inboxes_[port].resized = true;
    }
    bell_.ring();
}

uint64_t Console::features() const {
    return kConsoleFeatureSize | (multiport_ ? kConsoleFeatureMultiport : 0);
}

void Console::read_config(uint32_t offset, std::span<std::byte> out) const {
    ConsoleSize size;
    {
        Lock lock(mu_);
        size = inboxes_[0].size.value_or(ConsoleSize{});
    }
    ConsoleConfig const config{.columns = size.columns,
                               .rows = size.rows,
                               .max_ports = static_cast<uint32_t>(ports_.size()),
                               .emergency_write = 0};
    read_config_bytes(config, offset, out);
}

Result<void> Console::activate(DeviceContext& context) {
    context_ = &context;
    return bell_.listen(context.loop(), [this] { on_inbox(); });
}

void Console::reset() {
    if (!context_) return;
    bell_.stop_listening(context_->loop());
    for (auto& port : ports_) {
        port.owed = 0;
        port.ready = false;
        port.guest_open = false;
    }
    context_ = nullptr;
}

bool Console::multiport_negotiated() const {
    return (context_->driver_features() & kConsoleFeatureMultiport) != 0;
}

Result<void, GuestFault> Console::handle_queue(uint16_t index) {
    if (index >= 2 && !multiport_negotiated()) return {};  // queues that the driver has no use for
    if (index == kControlToGuest) return put_control();
    if (index == kControlToHost) return take_control();
    uint32_t const port = console_port_of(index);
    return index == console_queue_to_host(port) ? take_output(port) : put_input(port);
}

Result<void, GuestFault> Console::take_output(uint32_t port) {
    Queue* const queue = context_->queue(console_queue_to_host(port));
    std::array<std::byte, kPieceBytes> piece;
    while (queue && TRY(queue->pop(chain_))) {
        size_t const bytes = std::min(chain_.readable_bytes(), kMaxOutputBytes);
        for (size_t at = 0; at < bytes; at += kPieceBytes) {
            auto const part = std::span(piece).first(std::min(kPieceBytes, bytes - at));
            chain_.copy_from(at, part);
            ports_[port].spec.write(part);
        }
        TRY(queue->push_used(chain_, 0));
    }
    return {};
}

Result<void, GuestFault> Console::put_input(uint32_t port) {
    // Linux throws away what arrives for a port that no process has open; hvc0 is always open.
    if (port != 0 && !ports_[port].guest_open) return {};
    Queue* const queue = context_->queue(console_queue_to_guest(port));
    bool waiting = true;
    while (queue && waiting) {
        {
            Lock lock(mu_);
            waiting = !inboxes_[port].input.empty();
        }
        if (!waiting || !TRY(queue->pop(chain_))) break;
        size_t const written = fill_input(port, chain_);
        TRY(queue->push_used(chain_, static_cast<uint32_t>(written)));
    }
    return {};
}

// At most kMaxInputBytes, whatever the chain's length.
size_t Console::fill_input(uint32_t port, Chain const& chain) {
    Lock lock(mu_);
    auto& input = inboxes_[port].input;
    size_t written = 0;
    while (!input.empty()) {
        size_t const n = chain.copy_to(written, input.front());
        if (n == 0) break;
        input.consume(n);
        written += n;
    }
    return written;
}

Result<void, GuestFault> Console::take_control() {
    Queue* const queue = context_->queue(kControlToHost);
    while (queue && TRY(queue->pop(chain_))) {
        ConsoleControl message;
        size_t const n = chain_.copy_from(0, std::as_writable_bytes(std::span(&message, 1)));
        TRY(queue->push_used(chain_, 0));
        if (n == sizeof(message)) on_control(message.id, message.event, message.value);
    }
    for (uint32_t port = 0; port < ports_.size(); ++port) TRY(put_input(port));
    return put_control();
}

// §5.3.6.2. What we do not know, or for a port that does not exist, is ignored: nothing is lost by it.
void Console::on_control(uint32_t id, uint16_t event, uint16_t value) {
    if (static_cast<ConsoleEvent>(event) == ConsoleEvent::kDeviceReady) {
        for (auto& port : ports_) port.owed = value == 1 ? uint32_t{kAdd} : 0u;
        return;
    }
    if (id >= ports_.size()) return;
    auto& port = ports_[id];
    if (static_cast<ConsoleEvent>(event) == ConsoleEvent::kPortReady && value == 1) {
        port.ready = true;
        port.owed |= kOpen;
        if (id == 0) port.owed |= kIsConsole;
        if (size_known(id)) port.owed |= kSize;
        if (!port.spec.name.empty()) port.owed |= kName;
    }
    if (static_cast<ConsoleEvent>(event) == ConsoleEvent::kPortOpen) port.guest_open = value == 1;
}

bool Console::size_known(uint32_t port) const {
    Lock lock(mu_);
    return inboxes_[port].size.has_value();
}

Result<void, GuestFault> Console::put_control() {
    Queue* const queue = context_->queue(kControlToGuest);
    for (uint32_t port = 0; queue && port < ports_.size(); ++port) {
        while (ports_[port].owed != 0 && TRY(queue->pop(chain_))) {
            uint32_t const written = fill_control(chain_, port);
            TRY(queue->push_used(chain_, written));
        }
    }
    return {};
}

// Puts the oldest owed message of `port` into `chain`. Returns its bytes; 0 if it does not fit, and then it
// is dropped: the driver's buffers are all alike, so the next one would be no better.
uint32_t Console::fill_control(Chain const& chain, uint32_t port) {
    uint32_t const bit = 1u << std::countr_zero(ports_[port].owed);
    ports_[port].owed &= ~bit;
    ByteWriter message;
    auto const put = [&](ConsoleEvent event, uint16_t value) {
        message.put(ConsoleControl{port, static_cast<uint16_t>(event), value});
    };
    switch (static_cast<Owed>(bit)) {
        case kAdd:
            put(ConsoleEvent::kPortAdd, 0);
            break;
        case kIsConsole:
            put(ConsoleEvent::kConsolePort, 1);
            break;
        case kName:
            put(ConsoleEvent::kPortName, 1);
            message.put_text(ports_[port].spec.name);
            break;
        case kSize: {
            put(ConsoleEvent::kResize, 0);
            Lock lock(mu_);
            auto const size = inboxes_[port].size.value_or(ConsoleSize{});
            message.put(ConsoleResize{size.columns, size.rows});
            break;
        }
        case kOpen:
            put(ConsoleEvent::kPortOpen, 1);
            break;
    }
    auto const bytes = std::move(message).take();
    if (chain.writable_bytes() < bytes.size()) return 0;
    return static_cast<uint32_t>(chain.copy_to(0, bytes));
}

void Console::on_inbox() {
    if (auto emptied = empty_inbox(); !emptied.ok()) context_->fault(emptied.error());
}

Result<void, GuestFault> Console::empty_inbox() {
    for (uint32_t port = 0; port < ports_.size(); ++port) {
        bool resized = false;
        {
            Lock lock(mu_);
            resized = std::exchange(inboxes_[port].resized, false);
        }
        // §5.3.5: with multiport a message a port, else the configuration space, which knows port 0 only.
        // A driver that has not set the port up yet is told when it has.
        if (resized && multiport_negotiated() && ports_[port].ready) ports_[port].owed |= kSize;
        if (resized && !multiport_negotiated() && port == 0) context_->config_changed();
        TRY(put_input(port));
    }
    return multiport_negotiated() ? put_control() : Result<void, GuestFault>{};
}

}  // namespace krun::vmm
