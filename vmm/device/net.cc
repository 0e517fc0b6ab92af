// SPDX-License-Identifier: Apache-2.0
#include "vmm/device/net.h"

#include <algorithm>

#include "vmm/device/config_bytes.h"

namespace krun::vmm {
namespace {

// A receive queue's buffers take guest memory from the moment the interface is up.
constexpr uint16_t kFrameQueueSize = 256;
constexpr uint16_t kControlQueueSize = 64;

constexpr uint64_t kOwnFeatures = kNetFeatureMac | kNetFeatureMtu | kNetFeatureStatus | kNetFeatureMergeable |
                                  kNetFeatureControl | kNetFeatureControlRx;

// The second and further pairs of queues, each on a thread of its own.
class NetLane final : public VirtioDevice {
public:
    explicit NetLane(Net& net) : net_(net) {}

    DeviceId id() const override { return net_.id(); }
    std::string_view name() const override { return net_.name(); }
    std::span<uint16_t const> queue_sizes() const override { return net_.queue_sizes(); }
    void read_config(uint32_t, std::span<std::byte>) const override {}  // the device's own affair
    Result<void> activate(DeviceContext& context) override {
        context_ = &context;
        return net_.activate_part(context);
    }
    Result<void, GuestFault> handle_queue(uint16_t index) override {
        return net_.handle_queue(*context_, index);
    }
    void reset() override { net_.reset_part(*context_); }

private:
    Net& net_;
    DeviceContext* context_ = nullptr;
};

}  // namespace

Result<std::unique_ptr<Net>> Net::make(uint32_t number, uint32_t pairs) {
    auto net = std::unique_ptr<Net>(new Net("net" + std::to_string(number), pairs));
    for (uint32_t i = 0; i < pairs; ++i)
        net->pairs_.push_back(TRY(NetPair::make(static_cast<uint16_t>(i), net->link_up_)));
    return net;
}

Net::Net(std::string name, uint32_t pairs)
    : name_(std::move(name)), queue_sizes_(size_t{2} * pairs, kFrameQueueSize) {
    queue_sizes_.push_back(kControlQueueSize);
}

std::vector<VirtioDevice::Lane> Net::take_lanes() {
    std::vector<Lane> lanes;
    for (size_t pair = 1; pair < pairs_.size(); ++pair) {
        auto const first = static_cast<uint16_t>(2 * pair);
        lanes.push_back({std::make_unique<NetLane>(*this), {first, static_cast<uint16_t>(first + 1)}});
    }
    return lanes;
}

bool Net::plug(NetInterface interface) {
    Lock lock(mu_);
    if (interface_) return false;
    interface_ = std::move(interface);
    interface_->more.resize(std::min(interface_->more.size(), pairs_.size() - 1));
    link_up_ = true;
    plugged_ = true;
    return true;
}

uint16_t Net::offered_pairs() const {
    return interface_ ? static_cast<uint16_t>(1 + interface_->more.size()) : uint16_t{1};
}

// Of one pair alone there is nothing to say (§5.1.4): the interface is as one that knows no other.
uint64_t Net::features() const {
    Lock lock(mu_);
    if (!interface_) return 0;
    uint64_t const several = offered_pairs() > 1 ? kNetFeatureMultiQueue : 0;
    return kOwnFeatures | several | interface_->backend->offloads();
}

void Net::read_config(uint32_t offset, std::span<std::byte> out) const {
    NetConfig config{};
    config.status = link_up_ ? kNetLinkUp : uint16_t{0};
    {
        Lock lock(mu_);
        if (interface_) config.mac = interface_->mac;
        if (interface_) config.mtu = interface_->mtu;
        if (offered_pairs() > 1) config.max_queue_pairs = offered_pairs();
    }
    read_config_bytes(config, offset, out);
}

Result<void> Net::activate(DeviceContext& context) {
    context_ = &context;
    return activate_part(context);
}

Result<void, GuestFault> Net::handle_queue(uint16_t index) {
    return handle_queue(*context_, index);
}

// All lanes have been reset before: the driver's next one begins with one pair (§5.1.6.5.5).
void Net::reset() {
    if (!context_) return;
    reset_part(*context_);
    context_ = nullptr;
    ignore(attach_pairs(1), "an interface that is gone gives nothing either");
}

// How many pairs of queues the driver may use; the next queue is that of commands (§5.1.2).
uint16_t Net::usable_pairs(DeviceContext const& context) const {
    if ((context.driver_features() & kNetFeatureMultiQueue) == 0) return 1;
    Lock lock(mu_);
    return offered_pairs();
}

// Null without an interface, for a driver that does not mind the device's id, and without a link.
NetBackend* Net::backend_of(uint16_t pair) {
    Lock lock(mu_);
    if (!interface_ || !link_up_) return nullptr;
    return pair == 0 ? interface_->backend.get() : interface_->more.at(pair - size_t{1}).get();
}

Result<void> Net::activate_part(DeviceContext& context) {
    uint16_t mtu = 0;
    {
        Lock lock(mu_);
        if (interface_) mtu = interface_->mtu;
    }
    for (uint16_t pair = 0; pair < usable_pairs(context); ++pair) {
        auto const first = static_cast<uint16_t>(2 * pair);
        if (context.queue(first) == nullptr && context.queue(static_cast<uint16_t>(first + 1)) == nullptr)
            continue;
        TRY(pairs_[pair]->activate(context, backend_of(pair), mtu));
    }
    return {};
}

Result<void, GuestFault> Net::handle_queue(DeviceContext& context, uint16_t index) {
    auto const commands = static_cast<uint16_t>(2 * usable_pairs(context));
    if (index > commands) return {};  // the driver has no use for it
    if (index == commands) return take_commands(context, index);
    auto& pair = *pairs_[index / 2];
    return index % 2 == kReceive ? pair.take_buffers() : pair.transmit();
}

void Net::reset_part(DeviceContext const& context) {
    for (auto& pair : pairs_)
        if (pair->is_of(context)) pair->reset();
}

Result<void, GuestFault> Net::take_commands(DeviceContext& context, uint16_t index) {
    Queue* const queue = context.queue(index);
    Chain chain;
    while (queue && TRY(queue->pop(chain))) {
        NetCommand command{};
        size_t const got = chain.copy_from(0, std::as_writable_bytes(std::span(&command, 1)));
        bool const done = got == sizeof command && carry_out(context, command, chain);
        uint8_t const answer = done ? kNetCommandDone : kNetCommandFailed;
        size_t const written = chain.copy_to(0, std::as_bytes(std::span(&answer, 1)));
        TRY(queue->push_used(chain, static_cast<uint32_t>(written)));
    }
    return {};
}

// §5.1.6.5.1, §5.1.6.5.2: as nothing is filtered, each wish to see more has been met.
bool Net::carry_out(DeviceContext const& context, NetCommand const& command, Chain const& chain) {
    uint64_t const accepted = context.driver_features();
    if (command.group == kQueuePairs && command.command == kQueuePairsSet) return set_pairs(context, chain);
    if ((accepted & kNetFeatureControlRx) == 0) return false;
    return (command.group == kReceiveModes && command.command <= kMaxReceiveMode) ||
           (command.group == kMacTable && command.command == kMacTableSet);
}

// §5.1.6.5.5
bool Net::set_pairs(DeviceContext const& context, Chain const& chain) {
    uint16_t wanted = 0;
    size_t const got = chain.copy_from(sizeof(NetCommand), std::as_writable_bytes(std::span(&wanted, 1)));
    if ((context.driver_features() & kNetFeatureMultiQueue) == 0 || got != sizeof wanted) return false;
    return wanted >= 1 && wanted <= usable_pairs(context) && attach_pairs(wanted).ok();
}

// What a pair has been given before it was detached is the guest's before the command is answered
// (§5.1.6.5.5.2).
Result<void> Net::attach_pairs(uint16_t wanted) {
    for (; attached_ < wanted; ++attached_)
        if (auto* const backend = backend_of(attached_)) TRY(backend->attach(true));
    for (; attached_ > wanted; --attached_) {
        auto const last = static_cast<uint16_t>(attached_ - 1);
        if (auto* const backend = backend_of(last)) TRY(backend->attach(false));
        pairs_[last]->await_received();
    }
    return {};
}

}  // namespace krun::vmm
