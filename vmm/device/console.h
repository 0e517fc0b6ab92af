// SPDX-License-Identifier: Apache-2.0
// virtio-console (virtio-v1.2 §5.3). Port 0 is the guest's hvc0. With one port the multiport feature is not
// offered unless asked for: that saves two queues and some ten messages in every boot, and the driver takes
// the only port for hvc0 without being told. Names (/dev/virtio-ports/NAME) need it.
#pragma once
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "vmm/device/byte_queue.h"
#include "vmm/device/doorbell.h"
#include "vmm/machine_spec.h"
#include "vmm/virtio/device.h"

namespace krun::vmm {

struct ConsoleSize {
    uint16_t columns = 0;
    uint16_t rows = 0;
};

class Console final : public VirtioDevice {
public:
    enum class Multiport { kIfManyPorts, kAlways };
    static constexpr size_t kMaxPorts = 16;
    // Input of one port that the guest has not read yet.
    static constexpr size_t kMaxInputBytes = 64 * 1024;

    // Fails without a port, with more than kMaxPorts, or with a name longer than 256 bytes.
    static Result<std::unique_ptr<Console>> make(std::vector<ConsolePort> ports,
                                                 Multiport multiport = Multiport::kIfManyPorts);
    ~Console() override;

    // Input for a port. Returns how many bytes were taken; the rest did not fit into kMaxInputBytes and
    // is still the caller's. Any thread; does not block. REQUIRES: port < number of ports.
    size_t send(uint32_t port, std::span<std::byte const> bytes) EXCLUDES(mu_);
    // The terminal behind a port changed its size. Any thread, also before activate(); does not block, and
    // of several changes the guest may see only the last. REQUIRES: port < number of ports.
    void resize(uint32_t port, ConsoleSize size) EXCLUDES(mu_);

    DeviceId id() const override { return DeviceId::kConsole; }
    std::string_view name() const override { return "console"; }
    uint64_t features() const override;
    std::span<uint16_t const> queue_sizes() const override { return queue_sizes_; }
    void read_config(uint32_t offset, std::span<std::byte> out) const override EXCLUDES(mu_);
    Result<void> activate(DeviceContext& context) override;
    Result<void, GuestFault> handle_queue(uint16_t index) override;
    void reset() override;

private:
    struct Port {
        ConsolePort spec;
        uint32_t owed = 0;        // control messages for the guest: a bit each, see console.cc
        bool ready = false;       // the driver has set the port up
        bool guest_open = false;  // a process of the guest has it open
    };
    // What other threads leave for the device's.
    struct Inbox {
        ByteQueue input{kMaxInputBytes};
        std::optional<ConsoleSize> size;
        bool resized = false;
    };

    Console(std::vector<ConsolePort> ports, bool multiport, Doorbell bell);

    bool multiport_negotiated() const;
    Result<void, GuestFault> take_output(uint32_t port);
    Result<void, GuestFault> put_input(uint32_t port) EXCLUDES(mu_);
    size_t fill_input(uint32_t port, Chain const& chain) EXCLUDES(mu_);
    Result<void, GuestFault> take_control();
    Result<void, GuestFault> put_control() EXCLUDES(mu_);
    uint32_t fill_control(Chain const& chain, uint32_t port) EXCLUDES(mu_);
    void on_control(uint32_t port, uint16_t event, uint16_t value);
    bool size_known(uint32_t port) const EXCLUDES(mu_);
    void on_inbox() EXCLUDES(mu_);
    Result<void, GuestFault> empty_inbox() EXCLUDES(mu_);

    std::vector<Port> ports_;
    bool multiport_;
    std::vector<uint16_t> queue_sizes_;
    DeviceContext* context_ = nullptr;
    Chain chain_;

    Doorbell bell_;
    mutable Mutex mu_;  // a leaf
    std::vector<Inbox> inboxes_ GUARDED_BY(mu_);
};

}  // namespace krun::vmm
