// SPDX-License-Identifier: Apache-2.0
// A hostile network driver: any bytes on any queue of two pairs, buffers of any size, resets, before and
// after there is an interface, while the host sends frames and hangs up. Every chain that the driver gives to
// be read comes back, what reaches the host is a whole frame with a header that was negotiated, and nothing
// aborts.
#include <array>

#include "tests/fuzz/fuzz_script.h"
#include "tests/vmm/device/device_rig.h"
#include "tests/vmm/device/net_wire.h"
#include "vmm/device/net.h"

namespace krun::vmm {
namespace {

constexpr int kMaxSteps = 200;  // the driver's heap is not reused
constexpr int kMaxOffered = 200;

void property(bool holds) {
    if (!holds) std::abort();
}

class HostileNet {
public:
    explicit HostileNet(uint8_t taken) : accepted_(~(uint64_t{taken} << 7) & ~(uint64_t{taken} << 15)) {
        rig_ = std::make_unique<DeviceRig>(*net_, accepted_);
    }

    void step(FuzzScript& script) {
        uint8_t const choice = script.take<uint8_t>();
        pair_ = takes_pairs() ? (choice / 7) % 2 : 0;
        switch (choice % 7) {
            case 0:
                send(script);
                break;
            case 1:
                command(script.take_text(20));
                break;
            case 2:
                offer(script.take<uint16_t>());
                break;
            case 3:
                if (plugged_ && !hung_up_) wires_[pair_].try_send(std::string(script.take<uint16_t>(), 'f'));
                break;
            case 4:
                plug();
                break;
            case 5:
                if (script.take<uint8_t>() == 0) restart();
                break;
            case 6:
                if (script.take<uint8_t>() == 0 && plugged_) hang_up();
                break;
        }
        rig_->turn();
        look();
    }

private:
    void plug() {
        if (plugged_) return;
        NetInterface interface { {2, 0, 0, 0, 0, 1}, 1500, wires_[0].backend() };
        interface.more.push_back(wires_[1].backend());
        plugged_ = net_->plug(std::move(interface));
        rig_ = nullptr;
        rig_ = std::make_unique<DeviceRig>(*net_, accepted_);
        offered_ = 0;
    }
    void restart() {
        rig_->restart();
        offered_ = 0;
    }
    void hang_up() {
        for (auto& wire : wires_) wire.hang_up();
        hung_up_ = true;
    }
    void send(FuzzScript& script) {
        std::string const header = script.take_text(12);
        std::string const more = script.take_text(255);
        uint16_t const queue = frames(Net::kTransmit);
        auto chain = rig_->driver(queue).chain();
        if (!header.empty()) chain.readable(header);
        chain.readable(more).writable(4).publish();
        rig_->kick(queue);
        rig_->turn();
        property(rig_->driver(queue).take_used().has_value());
    }
    void command(std::string const& bytes) {
        uint16_t const queue = takes_pairs() ? 4 : Net::kControl;
        rig_->driver(queue).chain().readable(bytes).writable(2).publish();
        rig_->kick(queue);
        property(rig_->driver(queue).take_used()->len_bytes == 1);
    }
    void offer(uint16_t bytes) {
        if (++offered_ > kMaxOffered) return;
        rig_->driver(frames(Net::kReceive)).chain().writable(bytes % 4096).publish();
        rig_->kick(frames(Net::kReceive));
    }
    void look() {
        for (uint16_t const queue : {frames(Net::kReceive), uint16_t{Net::kReceive}})
            while (rig_->driver(queue).take_used()) continue;
        for (auto& wire : wires_) look_at(wire);
    }
    void look_at(Wire& wire) {
        while (plugged_ && !hung_up_) {
            auto const arrived = wire.receive();
            if (!arrived) break;
            property(arrived->frame.size() >= kEthernetHeaderBytes &&
                     arrived->frame.size() <= kMaxFrameBytes);
            property((arrived->header.flags & ~kNetNeedsChecksum) == 0);
            uint8_t const gso = arrived->header.gso_type & static_cast<uint8_t>(~kGsoEcn);
            property(gso == kGsoNone || gso == kGsoTcp4 || gso == kGsoTcp6);
            property(gso != kGsoTcp4 || (rig_->driver_features() & kNetFeatureHostTso4) != 0);
        }
    }

    bool takes_pairs() const { return (rig_->driver_features() & kNetFeatureMultiQueue) != 0; }
    // The queue of the pair in hand.
    uint16_t frames(uint16_t direction) const { return static_cast<uint16_t>(2 * pair_ + direction); }

    uint64_t accepted_;
    std::array<Wire, 2> wires_;
    std::unique_ptr<Net> net_ = must(Net::make(0, 2));
    std::unique_ptr<DeviceRig> rig_;
    bool plugged_ = false;
    bool hung_up_ = false;
    uint16_t pair_ = 0;
    int offered_ = 0;  // never more than the queue holds, even if none comes back
};

}  // namespace
}  // namespace krun::vmm

extern "C" int LLVMFuzzerTestOneInput(uint8_t const* data, size_t size) {
    krun::FuzzScript script(data, size);
    krun::vmm::HostileNet net(script.take<uint8_t>());
    for (int i = 0; i < krun::vmm::kMaxSteps && !script.done(); ++i) net.step(script);
    return 0;
}
