// SPDX-License-Identifier: Apache-2.0
#include "vmm/device/net_pair.h"

#include "vmm/device/iovec_slice.h"

namespace krun::vmm {
namespace {

// In one direction before the other has its turn.
constexpr int kFramesATurn = 64;

enum Direction : uint16_t { kReceive = 0, kTransmit = 1 };

size_t longest_frame(uint64_t accepted, uint16_t mtu) {
    bool const segments = (accepted & (kNetFeatureGuestTso4 | kNetFeatureGuestTso6)) != 0;
    size_t const frame = segments ? kMaxFrameBytes : size_t{kEthernetHeaderBytes} + kVlanTagBytes + mtu;
    return sizeof(NetHeader) + frame;
}

}  // namespace

Result<std::unique_ptr<NetPair>> NetPair::make(uint16_t number, std::atomic<bool>& link_up) {
    auto bell = TRY_WITH(Doorbell::make(), "make a network interface");
    return std::unique_ptr<NetPair>(new NetPair(number, link_up, std::move(bell)));
}

Result<void> NetPair::activate(DeviceContext& context, NetBackend* backend, uint16_t mtu) {
    context_ = &context;
    owner_.store(&context);
    TRY(go_on_.listen(context.loop(),
                      [this] { backend_ready(holds_frames() ? EPOLLIN | EPOLLOUT : EPOLLOUT); }));
    if (backend == nullptr) return {};
    uint64_t const features = context.driver_features();
    TRY(backend->use(features & (kNetGuestOffloads | kNetHostOffloads)));
    backend_ = backend;
    if (Queue* const receive = queue(kReceive))
        buffers_.emplace(*receive, longest_frame(features, mtu), accepted(kNetFeatureMergeable));
    watched_ = buffers_ ? uint32_t{EPOLLIN} : 0;
    return context.loop().add(backend_->fd(), watched_, [this](uint32_t events) { backend_ready(events); });
}

void NetPair::reset() {
    if (!context_) return;
    if (backend_ != nullptr) context_->loop().remove(backend_->fd());
    go_on_.stop_listening(context_->loop());
    buffers_.reset();
    backend_ = nullptr;
    context_ = nullptr;
    owner_.store(nullptr);
}

// The back-end is looked at again when there is room for what it has.
Result<void, GuestFault> NetPair::take_buffers() {
    if (backend_ != nullptr && buffers_ && TRY(buffers_->take())) {
        watch(EPOLLIN, true);
        if (holds_frames()) go_on_.ring();
    }
    return {};
}

void NetPair::backend_ready(uint32_t events) {
    auto const served = [&]() -> Result<void, GuestFault> {
        if ((events & EPOLLIN) != 0) TRY(receive());
        if ((events & EPOLLOUT) != 0) TRY(transmit());
        return {};
    }();
    if (!served.ok()) {
        watch(EPOLLIN | EPOLLOUT, false);  // until the driver resets there is nothing to do about it
        return context_->fault(served.error());
    }
    bool const failed = (events & (EPOLLERR | EPOLLHUP)) != 0 && (events & EPOLLIN) == 0;
    if (failed && backend_ != nullptr && backend_->has_ended()) end_link();
}

Result<void, GuestFault> NetPair::receive() {
    take_turn(true);
    auto received = receive_frames();
    take_turn(false);
    return received;
}

Result<void, GuestFault> NetPair::receive_frames() {
    for (int i = 0; i < kFramesATurn && backend_ != nullptr && buffers_; ++i) {
        if (!TRY(buffers_->take())) {
            watch(EPOLLIN, false);
            return {};
        }
        auto const got = backend_->receive(buffers_->parts());
        if (got.outcome == NetBackend::Outcome::kEnded) end_link();
        if (got.outcome == NetBackend::Outcome::kBlocked) return {};
        if (got.outcome == NetBackend::Outcome::kMoved) TRY(buffers_->give(got.bytes));
    }
    if (holds_frames()) go_on_.ring();
    return {};
}

void NetPair::take_turn(bool on) {
    {
        Lock const lock(turn_);
        receiving_ = on;
    }
    if (!on) turn_over_.notify_all();
}

void NetPair::await_received() {
    Lock const lock(turn_);
    while (receiving_) turn_over_.wait(turn_);
}

Result<void, GuestFault> NetPair::transmit() {
    Queue* const frames = queue(kTransmit);
    if (frames == nullptr) return {};
    if (!finish_frame()) return {};
    for (int i = 0; i < kFramesATurn; ++i)
        if (!TRY(send(*frames))) return {};
    go_on_.ring();
    return {};
}

// Whether nothing is left of the last frame; otherwise there will be room for it.
bool NetPair::finish_frame() {
    if (backend_ == nullptr) return true;
    auto const outcome = backend_->carry_on();
    if (outcome == NetBackend::Outcome::kEnded) end_link();
    watch(EPOLLOUT, outcome == NetBackend::Outcome::kBlocked);
    return outcome != NetBackend::Outcome::kBlocked;
}

// Sends the driver's next frame. False: there is none, or it has to wait.
Result<bool, GuestFault> NetPair::send(Queue& queue) {
    if (!TRY(queue.pop(chain_))) return false;
    NetHeader header{};
    size_t const got = chain_.copy_from(0, std::as_writable_bytes(std::span(&header, 1)));
    size_t const frame = chain_.readable_bytes() - got;
    // What is no frame is lost, as one is that meets a bad cable.
    bool const whole = got == sizeof header && frame >= kEthernetHeaderBytes && frame <= kMaxFrameBytes;
    if (backend_ != nullptr && whole && is_sendable(header)) {
        // The header as it was looked at; the guest can change its own.
        slice_iovecs(chain_.readable(), sizeof header, frame, parts_);
        parts_.insert(parts_.begin(), {&header, sizeof header});
        auto const outcome = backend_->send(parts_);
        if (outcome == NetBackend::Outcome::kBlocked) {
            queue.undo_pop();
            watch(EPOLLOUT, true);
            return false;
        }
        if (outcome == NetBackend::Outcome::kEnded) end_link();
    }
    TRY(queue.push_used(chain_, 0));
    return finish_frame();
}

// §5.1.6.2.1: nothing that was not negotiated.
bool NetPair::is_sendable(NetHeader const& header) const {
    if ((header.flags & ~kNetNeedsChecksum) != 0) return false;
    if ((header.flags & kNetNeedsChecksum) != 0 && !accepted(kNetFeatureCsum)) return false;
    if ((header.gso_type & kGsoEcn) != 0 && !accepted(kNetFeatureHostEcn)) return false;
    switch (header.gso_type & ~kGsoEcn) {
        case kGsoNone:
            return true;
        case kGsoTcp4:
            return accepted(kNetFeatureHostTso4);
        case kGsoTcp6:
            return accepted(kNetFeatureHostTso6);
        default:
            return false;
    }
}

void NetPair::watch(uint32_t events, bool on) {
    uint32_t const wanted = on ? watched_ | events : watched_ & ~events;
    if (backend_ == nullptr || wanted == watched_) return;
    // It fails only for a descriptor that is not watched.
    if (context_->loop().modify(backend_->fd(), wanted).ok()) watched_ = wanted;
}

void NetPair::end_link() {
    if (backend_ == nullptr) return;
    context_->loop().remove(backend_->fd());
    backend_ = nullptr;
    if (link_up_.exchange(false)) context_->config_changed();
}

}  // namespace krun::vmm
