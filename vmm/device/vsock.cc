// SPDX-License-Identifier: Apache-2.0
#include "vmm/device/vsock.h"

#include <pthread.h>
#include <signal.h>

#include <algorithm>
#include <utility>

#include "vmm/device/config_bytes.h"

namespace krun::vmm {
namespace {

// virtio-v1.2 §5.10.2
enum QueueIndex : uint16_t { kRx = 0, kTx = 1, kEvent = 2 };
// The driver fills the receive queue with a page a buffer when it starts; more entries cost every boot.
constexpr std::array<uint16_t, 3> kQueueSizes{128, 128, 8};

constexpr uint64_t kFeatureStream = 1u << 0;  // §5.10.3

// RSTs for packets of no connection that wait for a buffer. When so many wait, no more packets are taken
// until the driver supplies buffers (§5.10.6.1 allows exactly that).
constexpr size_t kMaxRefusals = 64;

uint64_t key_of(VsockPorts ports) {
    return uint64_t{ports.guest} << 32 | ports.host;
}

}  // namespace

Result<std::unique_ptr<Vsock>> Vsock::make(std::vector<VsockPort> ports) {
    auto requests = TRY_WITH(Mailbox<Request>::make(), "make the vsock device");
    return std::unique_ptr<Vsock>(new Vsock(std::move(ports), std::move(requests)));
}

Vsock::Vsock(std::vector<VsockPort> ports, Mailbox<Request> requests) : requests_(std::move(requests)) {
    for (auto& port : ports) ports_.push_back({std::move(port)});
}

Vsock::~Vsock() = default;

uint64_t Vsock::features() const {
    return kFeatureStream;
}

std::span<uint16_t const> Vsock::queue_sizes() const {
    return kQueueSizes;
}

void Vsock::read_config(uint32_t offset, std::span<std::byte> out) const {
    read_config_bytes(kGuestCid, offset, out);  // struct virtio_vsock_config { le64 guest_cid }
}

Result<void> Vsock::activate(DeviceContext& context) {
    // A pipe's reader may go away at any time. There is no flag for "no signal" on writev, so it is
    // blocked on this thread for good and the write says EPIPE.
    sigset_t pipe;
    ::sigemptyset(&pipe);
    ::sigaddset(&pipe, SIGPIPE);
    ::pthread_sigmask(SIG_BLOCK, &pipe, nullptr);
    context_ = &context;
    auto const on_request = [this](uint32_t) { connect_requested(); };
    TRY_WITH(context.loop().add(requests_.event(), EPOLLIN, on_request), "activate vsock");
    return {};
}

void Vsock::reset() {
    if (!context_) return;
    context_->loop().remove(requests_.event());
    connections_.clear();  // closes every descriptor; used one-shot ports stay used
    guest_opened_ = 0;
    windows_ = {};
    by_ports_.clear();
    waiting_.clear();
    refusals_.clear();
    rx_buffers_.clear();
    context_ = nullptr;
}

Result<void, GuestFault> Vsock::handle_queue(uint16_t index) {
    switch (index) {
        case kRx:
            TRY(send_packets());
            return take_packets();  // refusals may have been in its way
        case kTx:
            return take_packets();
        default:
            return {};  // the event queue: we have no events, its buffers stay where they are
    }
}

Result<void, GuestFault> Vsock::take_packets() {
    Queue* const tx = context_->queue(kTx);
    while (tx && refusals_.size() < kMaxRefusals) {
        bool const taken = TRY(tx->pop(tx_chain_));
        if (!taken) break;
        receive(tx_chain_);
        TRY(tx->push_used(tx_chain_, 0));
        if (refusals_.size() >= kMaxRefusals) TRY(send_packets());
    }
    return send_packets();
}

Result<void, GuestFault> Vsock::send_packets() {
    Queue* const rx = context_->queue(kRx);
    while (rx && (!refusals_.empty() || !waiting_.empty())) {
        auto const chains = TRY(rx_buffers_.take(*rx));
        if (chains.empty()) break;
        fill(chains);
        if (filled_.empty()) break;
        TRY(rx_buffers_.give(*rx, filled_));
    }
    return {};
}

// Packets into `chains`: one refusal first, then what one connection after the other has.
void Vsock::fill(std::span<Chain const> chains) {
    filled_.clear();
    if (fill_refusal(chains.front())) return;
    while (filled_.empty() && !waiting_.empty()) {
        ConnectionId const id = waiting_.front();
        waiting_.pop_front();
        auto const it = connections_.find(id);
        if (it == connections_.end()) continue;
        it->second.listed = false;
        it->second.connection->fill(chains, filled_);
        update(id);
    }
}

bool Vsock::fill_refusal(Chain const& chain) {
    if (refusals_.empty()) return false;
    auto const [ports, type] = refusals_.front();
    refusals_.pop_front();
    VsockHeader const header{.src_cid = kHostCid,
                             .dst_cid = kGuestCid,
                             .src_port = ports.host,
                             .dst_port = ports.guest,
                             .len = 0,
                             .type = type,
                             .op = static_cast<uint16_t>(VsockOp::kReset),
                             .flags = 0,
                             .buf_alloc = 0,
                             .fwd_cnt = 0};
    filled_.push_back(static_cast<uint32_t>(chain.copy_to(0, std::as_bytes(std::span(&header, 1)))));
    return true;
}

// One packet of the guest, in as many descriptors as it likes (virtio-v1.2 §2.7.4.1).
void Vsock::receive(Chain const& chain) {
    VsockHeader header;
    if (chain.copy_from(0, std::as_writable_bytes(std::span(&header, 1))) != sizeof(header)) return;
    // §5.10.6.4.1: the CIDs are fixed; there is no one to answer to a forged source.
    if (header.src_cid != kGuestCid || header.dst_cid != kHostCid) return;
    if (header.type != kVsockStream) return refuse(header);
    dispatch(header, chain);
}

void Vsock::dispatch(VsockHeader const& header, Chain const& chain) {
    VsockPorts const ports{.guest = header.src_port, .host = header.dst_port};
    auto const it = by_ports_.find(key_of(ports));
    if (it == by_ports_.end()) {
        if (header.op == static_cast<uint16_t>(VsockOp::kRequest)) return accept(header, chain);
        return refuse(header);
    }
    ConnectionId const id = it->second;
    auto& connection = *connections_.at(id).connection;
    bool const has_payload = header.op == static_cast<uint16_t>(VsockOp::kData);
    if (has_payload && header.len > chain.readable_bytes() - sizeof(header)) {
        connection.reset();  // the two lengths disagree: bytes were claimed that are not there
    } else {
        connection.on_packet(header, chain);
    }
    update(id);
}

void Vsock::accept(VsockHeader const& header, Chain const& chain) {
    auto const port = std::find_if(ports_.begin(), ports_.end(),
                                   [&](Port const& p) { return p.spec.port == header.dst_port; });
    bool const known = port != ports_.end() && !(port->used && port->spec.one_shot);
    if (!known || guest_opened_ >= kMaxGuestConnections) return refuse(header);
    port->used = true;
    auto ends = port->spec.connect();
    if (!ends.ok()) return refuse(header);
    VsockPorts const ports{.guest = header.src_port, .host = header.dst_port};
    ConnectionId const id = add(ports, VsockStream::Opener::kGuest, std::move(ends).value());
    connections_.at(id).connection->on_packet(header, chain);  // its first credit
    update(id);
}

void Vsock::refuse(VsockHeader const& header) {
    auto const op = static_cast<VsockOp>(header.op);
    // A RST is never answered, and a late credit update asks for nothing: it is what a guest sends when it
    // reads the rest of a stream that we have finished.
    if (op == VsockOp::kReset || op == VsockOp::kCreditUpdate) return;
    refusals_.push_back({{.guest = header.src_port, .host = header.dst_port}, header.type});
}

Vsock::ConnectionId Vsock::add(VsockPorts ports, VsockStream::Opener opener, StreamEnds ends) {
    ConnectionId const id = next_id_++;
    auto changed = [this, id] {
        update(id);
        if (auto sent = send_packets(); !sent.ok()) context_->fault(sent.error());
    };
    uint32_t const window = windows_.take();
    auto connection = std::make_unique<VsockConnection>(ports, opener, std::move(ends), window,
                                                        context_->loop(), std::move(changed));
    connections_[id] = {std::move(connection), opener, window};
    if (opener == VsockStream::Opener::kGuest) ++guest_opened_;
    by_ports_[key_of(ports)] = id;
    return id;
}

void Vsock::update(ConnectionId id) {
    auto const it = connections_.find(id);
    if (it == connections_.end()) return;
    auto& entry = it->second;
    if (entry.connection->detached()) {
        auto const known = by_ports_.find(key_of(entry.connection->ports()));
        // The ports may be another connection's by now, while this one still drains.
        if (known != by_ports_.end() && known->second == id) by_ports_.erase(known);
    }
    if (entry.connection->finished()) return forget(id);
    if (entry.listed || !entry.connection->wants_buffer()) return;
    entry.listed = true;
    waiting_.push_back(id);
}

void Vsock::forget(ConnectionId id) {
    auto const it = connections_.find(id);
    windows_.give_back(it->second.window);
    if (it->second.opener == VsockStream::Opener::kGuest) --guest_opened_;
    connections_.erase(it);
}

// What is not kept is closed as `ends` goes out of scope.
void Vsock::connect(uint32_t host_port, uint32_t guest_port, StreamEnds ends) {
    if (requested_.fetch_add(1) >= kMaxHostConnections) {
        requested_.fetch_sub(1);
        return;
    }
    requests_.post({{.guest = guest_port, .host = host_port}, std::move(ends)});
}

void Vsock::connect_requested() {
    auto requests = requests_.take_all();
    requested_.fetch_sub(requests.size());
    for (auto& [ports, ends] : requests) {
        bool const full = connections_.size() - guest_opened_ >= kMaxHostConnections;
        if (full || by_ports_.contains(key_of(ports))) continue;  // closes its ends with `requests`
        update(add(ports, VsockStream::Opener::kHost, std::move(ends)));
    }
    requests.clear();
    if (auto sent = send_packets(); !sent.ok()) context_->fault(sent.error());
}

}  // namespace krun::vmm
