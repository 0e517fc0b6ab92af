// SPDX-License-Identifier: Apache-2.0
// A guest's vsock driver for tests: sends packets, keeps the receive queue filled, and hands out what came.
#pragma once
#include <deque>
#include <map>
#include <string>
#include <string_view>

#include "tests/vmm/device/device_rig.h"
#include "vmm/device/vsock.h"

namespace krun::vmm {

class VsockGuest {
public:
    static constexpr uint32_t kPageBuffer = 4096 + 44;  // as Linux offers them
    struct Packet {
        VsockHeader header;
        std::string data;
        VsockOp op() const { return static_cast<VsockOp>(header.op); }
    };

    explicit VsockGuest(Vsock& device, uint16_t rx_buffers = 64) : rig_(device) { start(rx_buffers); }
    DeviceRig& rig() { return rig_; }
    void restart(uint16_t rx_buffers = 64) {
        rig_.restart();
        arrived_.clear();
        start(rx_buffers);
    }

    // A header as an honest guest fills it; tests bend it before send().
    VsockHeader header(VsockOp op, uint32_t guest_port, uint32_t host_port, uint32_t len = 0) const {
        return {.src_cid = kGuestCid,
                .dst_cid = kHostCid,
                .src_port = guest_port,
                .dst_port = host_port,
                .len = len,
                .type = kVsockStream,
                .op = static_cast<uint16_t>(op),
                .flags = 0,
                .buf_alloc = buf_alloc,
                .fwd_cnt = auto_credit ? received_bytes_ : fwd_cnt};
    }
    void send(VsockHeader const& header, std::string_view data = {}) {
        GuestAddr const at = tx_slots_[tx_next_++ % kTxSlots];
        rig_.driver(1).write(at, {reinterpret_cast<char const*>(&header), sizeof header});
        auto chain = rig_.driver(1).chain();
        chain.part(at, sizeof header, 0);
        if (!data.empty()) {
            GuestAddr const body = must(after(at, sizeof header));
            rig_.driver(1).write(body, data);
            chain.part(body, static_cast<uint32_t>(data.size()), 0);
        }
        chain.publish();
        notify_tx();
    }
    void send(VsockOp op, uint32_t guest_port, uint32_t host_port) {
        send(header(op, guest_port, host_port));
    }
    void send_data(uint32_t guest_port, uint32_t host_port, std::string_view data) {
        send(header(VsockOp::kData, guest_port, host_port, static_cast<uint32_t>(data.size())), data);
    }
    void send_shutdown(uint32_t guest_port, uint32_t host_port, uint32_t flags) {
        auto h = header(VsockOp::kShutdown, guest_port, host_port);
        h.flags = flags;
        send(h);
    }
    // REQUEST, and whether a RESPONSE came.
    bool connect(uint32_t guest_port, uint32_t host_port) {
        send(VsockOp::kRequest, guest_port, host_port);
        auto const answer = next();
        return answer && answer->op() == VsockOp::kResponse;
    }
    // Kicks the transmit queue and takes back what the device has used of it.
    void notify_tx() {
        rig_.kick(1);
        while (rig_.driver(1).take_used()) ++tx_returned;
    }

    // The next packet to the guest, if there is one now.
    std::optional<Packet> next() {
        collect();
        if (arrived_.empty()) return std::nullopt;
        Packet p = std::move(arrived_.front());
        arrived_.pop_front();
        return p;
    }
    // The same, but lets the device's loop run until one comes.
    std::optional<Packet> wait_next() {
        rig_.turn_until([&] { return collect(), !arrived_.empty(); });
        return next();
    }
    // Offers one more receive buffer, and notifies.
    void offer_rx(uint32_t len_bytes = kPageBuffer) {
        offer(rig_.driver(0).allocate(len_bytes), len_bytes);
        rig_.kick(0);
    }

    uint32_t buf_alloc = 256 * 1024;
    uint32_t fwd_cnt = 0;     // what the guest claims to have read, without auto_credit
    bool auto_credit = true;  // claim what was really read
    bool auto_refill = true;  // each used receive buffer is offered again
    size_t tx_returned = 0;

private:
    static constexpr size_t kTxSlots = 16;
    static constexpr uint32_t kTxSlotBytes = 64 * 1024 + 44;

    void start(uint16_t rx_buffers) {
        tx_slots_.clear();
        rx_buffers_.clear();
        for (size_t i = 0; i < kTxSlots; ++i) tx_slots_.push_back(rig_.driver(1).allocate(kTxSlotBytes));
        for (uint16_t i = 0; i < rx_buffers; ++i) offer(rig_.driver(0).allocate(kPageBuffer), kPageBuffer);
        rig_.kick(0);
    }
    void offer(GuestAddr at, uint32_t len_bytes) {
        uint16_t const head = rig_.driver(0).chain().part(at, len_bytes, kWrite).publish();
        rx_buffers_[head] = {at, len_bytes};
    }
    void collect() {
        bool refilled = false;
        while (auto used = rig_.driver(0).take_used()) {
            auto const [at, len_bytes] = rx_buffers_.at(used->head);
            if (used->data.size() >= sizeof(VsockHeader)) {
                Packet p;
                std::memcpy(&p.header, used->data.data(), sizeof p.header);
                p.data = used->data.substr(sizeof p.header);
                received_bytes_ += static_cast<uint32_t>(p.data.size());
                arrived_.push_back(std::move(p));
            }
            if (!auto_refill) continue;
            offer(at, len_bytes);
            refilled = true;
        }
        if (refilled) rig_.kick(0);
    }

    DeviceRig rig_;
    std::vector<GuestAddr> tx_slots_;
    size_t tx_next_ = 0;
    std::map<uint16_t, std::pair<GuestAddr, uint32_t>> rx_buffers_;
    std::deque<Packet> arrived_;
    uint32_t received_bytes_ = 0;
};

}  // namespace krun::vmm
