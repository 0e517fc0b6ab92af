// SPDX-License-Identifier: Apache-2.0
// One pair of virtio-net's queues: frames go straight between the guest's buffers and the back-end; of each
// only the header is looked at. Used on one thread, that of the worker whose queues they are, except where
// said.
#pragma once
#include <atomic>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "base/mutex.h"
#include "vmm/device/doorbell.h"
#include "vmm/device/net_backend.h"
#include "vmm/device/net_protocol.h"
#include "vmm/device/received_buffers.h"
#include "vmm/virtio/device.h"

namespace krun::vmm {

class NetPair {
public:
    // The pair of queues 2 * `number` and 2 * `number` + 1 of an interface whose link is `link_up`, which
    // outlives it.
    static Result<std::unique_ptr<NetPair>> make(uint16_t number, std::atomic<bool>& link_up);

    // `context` has at least one of the queues. `backend` lives until reset(); null: what is sent goes
    // nowhere.
    Result<void> activate(DeviceContext& context, NetBackend* backend, uint16_t mtu);
    void reset();
    // Of which context it is, none when it is not active. Any thread.
    bool is_of(DeviceContext const& context) const { return owner_.load() == &context; }

    // The driver has made buffers to receive into available.
    Result<void, GuestFault> take_buffers();
    // The driver has frames, or the back-end has room.
    Result<void, GuestFault> transmit();
    // Any thread: returns when what the back-end has given until now is the guest's.
    void await_received() EXCLUDES(turn_);

private:
    NetPair(uint16_t number, std::atomic<bool>& link_up, Doorbell bell)
        : number_(number), link_up_(link_up), go_on_(std::move(bell)) {}

    bool accepted(uint64_t feature) const { return (context_->driver_features() & feature) != 0; }
    Queue* queue(uint16_t direction) const {
        return context_->queue(static_cast<uint16_t>(2 * number_ + direction));
    }
    bool holds_frames() const { return backend_ != nullptr && backend_->holds_frames(); }
    void backend_ready(uint32_t events);
    Result<void, GuestFault> receive();
    Result<void, GuestFault> receive_frames();
    void take_turn(bool on) EXCLUDES(turn_);
    bool finish_frame();
    Result<bool, GuestFault> send(Queue& queue);
    bool is_sendable(NetHeader const& header) const;
    void watch(uint32_t events, bool on);
    void end_link();

    uint16_t const number_;
    std::atomic<bool>& link_up_;
    Doorbell go_on_;
    DeviceContext* context_ = nullptr;
    std::atomic<DeviceContext const*> owner_{nullptr};  // the same, for the other pairs' threads
    NetBackend* backend_ = nullptr;                     // from activate() to reset(), while the link is up
    uint32_t watched_ = 0;
    std::optional<ReceivedBuffers> buffers_;
    Chain chain_;
    std::vector<iovec> parts_;

    Mutex turn_;
    CondVar turn_over_;
    bool receiving_ GUARDED_BY(turn_) = false;
};

}  // namespace krun::vmm
