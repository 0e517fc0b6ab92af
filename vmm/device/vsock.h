// SPDX-License-Identifier: Apache-2.0
// virtio-vsock (virtio-v1.2 §5.10), streams only, without a kernel back-end: the guest may connect to the
// ports of the machine's specification, and the host to any port of the guest. Each stream is bridged to
// host descriptors. Everything the guest can make us keep is bounded: connections, refusals not yet sent,
// and bytes of each connection; all buffered bytes together stay below 64 MiB (WindowBudget).
#pragma once
#include <array>
#include <atomic>
#include <deque>
#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

#include "base/mailbox.h"
#include "vmm/device/vsock_buffers.h"
#include "vmm/device/vsock_connection.h"
#include "vmm/machine_spec.h"
#include "vmm/stream_connector.h"
#include "vmm/virtio/device.h"

namespace krun::vmm {

class Vsock final : public VirtioDevice, public StreamConnector {
public:
    // Two numbers, so that a guest that connects as often as it can takes nothing from the host. A
    // connection counts until the last byte for a slow reader is written.
    static constexpr size_t kMaxGuestConnections = 64;   // more are refused with RST
    static constexpr size_t kMaxHostConnections = 1024;  // more are closed at once

    static Result<std::unique_ptr<Vsock>> make(std::vector<VsockPort> ports);
    ~Vsock() override;

    // Calls before activate() are kept, up to kMaxHostConnections.
    void connect(uint32_t host_port, uint32_t guest_port, StreamEnds ends) override;
    // Connections that hold a host descriptor or that the guest knows of, for tests and metrics. The
    // device's thread only.
    size_t connections() const { return connections_.size(); }

    DeviceId id() const override { return DeviceId::kVsock; }
    std::string_view name() const override { return "vsock"; }
    uint64_t features() const override;
    std::span<uint16_t const> queue_sizes() const override;
    void read_config(uint32_t offset, std::span<std::byte> out) const override;
    Result<void> activate(DeviceContext& context) override;
    Result<void, GuestFault> handle_queue(uint16_t index) override;
    void reset() override;

private:
    using ConnectionId = uint64_t;  // never reused, unlike ports
    struct Entry {
        std::unique_ptr<VsockConnection> connection;
        VsockStream::Opener opener;
        uint32_t window;
        bool listed = false;  // in waiting_
    };
    struct Port {
        VsockPort spec;
        bool used = false;
    };
    struct Refusal {
        VsockPorts ports;
        uint16_t type;
    };
    struct Request {
        VsockPorts ports;
        StreamEnds ends;
    };

    Vsock(std::vector<VsockPort> ports, Mailbox<Request> requests);

    Result<void, GuestFault> take_packets();
    Result<void, GuestFault> send_packets();
    void receive(Chain const& chain);
    void dispatch(VsockHeader const& header, Chain const& chain);
    void accept(VsockHeader const& header, Chain const& chain);
    void refuse(VsockHeader const& header);
    void fill(std::span<Chain const> chains);
    bool fill_refusal(Chain const& chain);

    ConnectionId add(VsockPorts ports, VsockStream::Opener opener, StreamEnds ends);
    // A connection has changed: it may want a buffer, free its ports, or be finished.
    void update(ConnectionId id);
    void connect_requested();
    void forget(ConnectionId id);

    std::vector<Port> ports_;
    DeviceContext* context_ = nullptr;
    std::unordered_map<ConnectionId, Entry> connections_;
    std::unordered_map<uint64_t, ConnectionId> by_ports_;  // only those the guest knows
    std::deque<ConnectionId> waiting_;                     // want a buffer of the guest, in turn
    std::deque<Refusal> refusals_;
    ConnectionId next_id_ = 1;
    size_t guest_opened_ = 0;  // of connections_
    WindowBudget windows_;
    Chain tx_chain_;
    VsockBuffers rx_buffers_;
    std::vector<uint32_t> filled_;  // bytes in each of them
    Mailbox<Request> requests_;
    std::atomic<size_t> requested_{0};  // in requests_; bounds it
};

}  // namespace krun::vmm
