// SPDX-License-Identifier: Apache-2.0
#include "vmm/device/net.h"

#include <climits>
#include <utility>

#include "vmm/device/config_bytes.h"
#include "vmm/device/iovec_slice.h"

namespace krun::vmm {
namespace {

// In one direction before the other has its turn.
constexpr int kFramesATurn = 64;

constexpr uint64_t kOwnFeatures = kNetFeatureMac | kNetFeatureMtu | kNetFeatureStatus | kNetFeatureMergeable |
                                  kNetFeatureControl | kNetFeatureControlRx;

size_t longest_frame(uint64_t accepted, uint16_t mtu) {
    bool const segments = (accepted & (kNetFeatureGuestTso4 | kNetFeatureGuestTso6)) != 0;
    size_t const frame = segments ? kMaxFrameBytes : size_t{kEthernetHeaderBytes} + kVlanTagBytes + mtu;
    return sizeof(NetHeader) + frame;
}

}  // namespace

Result<std::unique_ptr<Net>> Net::make(uint32_t number) {
    auto bell = TRY_WITH(Doorbell::make(), "make a network interface");
    return std::unique_ptr<Net>(new Net("net" + std::to_string(number), std::move(bell)));
}

bool Net::plug(NetInterface interface) {
    Lock lock(mu_);
    if (interface_) return false;
    interface_ = std::move(interface);
    link_up_ = true;
    plugged_ = true;
    return true;
}

uint64_t Net::features() const {
    Lock lock(mu_);
    return interface_ ? kOwnFeatures | interface_->backend->offloads() : 0;
}

void Net::read_config(uint32_t offset, std::span<std::byte> out) const {
    NetConfig config{};
    config.status = link_up_ ? kNetLinkUp : uint16_t{0};
    {
        Lock lock(mu_);
        if (interface_) config.mac = interface_->mac;
        if (interface_) config.mtu = interface_->mtu;
    }
    read_config_bytes(config, offset, out);
}

Result<void> Net::activate(DeviceContext& context) {
    context_ = &context;
    uint16_t mtu = 0;
    {
        Lock lock(mu_);
        if (!interface_ || !link_up_) return {};  // a driver that does not mind the device's id
        backend_ = interface_->backend.get();
        mtu = interface_->mtu;
    }
    uint64_t const features = context.driver_features();
    TRY(backend_->use(features & (kNetGuestOffloads | kNetHostOffloads)));
    if (Queue* const queue = context.queue(kReceive))
        buffers_.emplace(*queue, longest_frame(features, mtu), accepted(kNetFeatureMergeable));
    TRY(more_to_send_.listen(context.loop(), [this] {
        if (auto sent = transmit(); !sent.ok()) context_->fault(sent.error());
    }));
    watched_ = buffers_ ? uint32_t{EPOLLIN} : 0;
    return context.loop().add(backend_->fd(), watched_, [this](uint32_t events) { backend_ready(events); });
}

void Net::reset() {
    if (!context_) return;
    if (backend_ != nullptr) context_->loop().remove(backend_->fd());
    more_to_send_.stop_listening(context_->loop());
    buffers_.reset();
    backend_ = nullptr;
    context_ = nullptr;
}

Result<void, GuestFault> Net::handle_queue(uint16_t index) {
    if (index == kControl) return take_commands();
    if (index == kTransmit) return transmit();
    // The back-end is looked at again when there is room for what it has.
    if (backend_ != nullptr && buffers_ && TRY(buffers_->take())) watch(EPOLLIN, true);
    return {};
}

void Net::backend_ready(uint32_t events) {
    auto const served = [&]() -> Result<void, GuestFault> {
        if ((events & EPOLLIN) != 0) TRY(receive());
        if ((events & EPOLLOUT) != 0) TRY(transmit());
        return {};
    }();
    if (!served.ok()) return context_->fault(served.error());
    if ((events & (EPOLLERR | EPOLLHUP)) != 0 && (events & EPOLLIN) == 0) end_link();
}

Result<void, GuestFault> Net::receive() {
    for (int i = 0; i < kFramesATurn && backend_ != nullptr && buffers_; ++i) {
        if (!TRY(buffers_->take())) {
            watch(EPOLLIN, false);
            return {};
        }
        auto const got = backend_->receive(buffers_->parts());
        if (got.outcome == NetBackend::Outcome::kEnded) end_link();
        if (got.outcome != NetBackend::Outcome::kMoved) return {};
        TRY(buffers_->give(got.bytes));
    }
    return {};
}

Result<void, GuestFault> Net::transmit() {
    Queue* const queue = context_->queue(kTransmit);
    if (queue == nullptr) return {};
    if (!finish_frame()) return {};
    for (int i = 0; i < kFramesATurn; ++i)
        if (!TRY(send(*queue))) return {};
    more_to_send_.ring();
    return {};
}

// Whether nothing is left of the last frame; otherwise there will be room for it.
bool Net::finish_frame() {
    if (backend_ == nullptr) return true;
    auto const outcome = backend_->carry_on();
    if (outcome == NetBackend::Outcome::kEnded) end_link();
    watch(EPOLLOUT, outcome == NetBackend::Outcome::kBlocked);
    return outcome != NetBackend::Outcome::kBlocked;
}

// Sends the driver's next frame. False: there is none, or it has to wait.
Result<bool, GuestFault> Net::send(Queue& queue) {
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
bool Net::is_sendable(NetHeader const& header) const {
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

Result<void, GuestFault> Net::take_commands() {
    Queue* const queue = context_->queue(kControl);
    while (queue && TRY(queue->pop(chain_))) {
        NetCommand command{};
        size_t const got = chain_.copy_from(0, std::as_writable_bytes(std::span(&command, 1)));
        uint8_t const answer = got == sizeof command ? carry_out(command) : kNetCommandFailed;
        size_t const written = chain_.copy_to(0, std::as_bytes(std::span(&answer, 1)));
        TRY(queue->push_used(chain_, static_cast<uint32_t>(written)));
    }
    return {};
}

// §5.1.6.5.1, §5.1.6.5.2: as nothing is filtered, each wish to see more has been met.
uint8_t Net::carry_out(NetCommand const& command) const {
    if (!accepted(kNetFeatureControlRx)) return kNetCommandFailed;
    bool const known = (command.group == kReceiveModes && command.command <= kMaxReceiveMode) ||
                       (command.group == kMacTable && command.command == kMacTableSet);
    return known ? kNetCommandDone : kNetCommandFailed;
}

void Net::watch(uint32_t events, bool on) {
    uint32_t const wanted = on ? watched_ | events : watched_ & ~events;
    if (backend_ == nullptr || wanted == watched_) return;
    // It fails only for a descriptor that is not watched.
    if (context_->loop().modify(backend_->fd(), wanted).ok()) watched_ = wanted;
}

void Net::end_link() {
    if (backend_ == nullptr) return;
    context_->loop().remove(backend_->fd());
    backend_ = nullptr;
    link_up_ = false;
    context_->config_changed();
}

}  // namespace krun::vmm
