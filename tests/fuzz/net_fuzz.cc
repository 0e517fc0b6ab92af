// SPDX-License-Identifier: Apache-2.0
// A hostile network driver: any bytes on any queue, buffers of any size, resets, before and after there is an
// interface, while the host sends frames and hangs up. Every chain that the driver gives to be read comes
// back, what reaches the host is a whole frame with a header that was negotiated, and nothing aborts.
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
        switch (script.take<uint8_t>() % 7) {
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
                if (plugged_ && !hung_up_) wire_.send(std::string(script.take<uint16_t>(), 'f'));
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
        plugged_ = net_->plug({{2, 0, 0, 0, 0, 1}, 1500, wire_.backend()});
        rig_ = nullptr;
        rig_ = std::make_unique<DeviceRig>(*net_, accepted_);
        offered_ = 0;
    }
    void restart() {
        rig_->restart();
        offered_ = 0;
    }
    void hang_up() {
        wire_.hang_up();
        hung_up_ = true;
    }
    void send(FuzzScript& script) {
        std::string const header = script.take_text(12);
        std::string const more = script.take_text(255);
        auto chain = rig_->driver(Net::kTransmit).chain();
        if (!header.empty()) chain.readable(header);
        chain.readable(more).writable(4).publish();
        rig_->kick(Net::kTransmit);
        rig_->turn();
        property(rig_->driver(Net::kTransmit).take_used().has_value());
    }
    void command(std::string const& bytes) {
        rig_->driver(Net::kControl).chain().readable(bytes).writable(2).publish();
        rig_->kick(Net::kControl);
        property(rig_->driver(Net::kControl).take_used()->len_bytes == 1);
    }
    void offer(uint16_t bytes) {
        if (++offered_ > kMaxOffered) return;
        rig_->driver(Net::kReceive).chain().writable(bytes % 4096).publish();
        rig_->kick(Net::kReceive);
    }
    void look() {
        while (rig_->driver(Net::kReceive).take_used()) continue;
        while (plugged_ && !hung_up_) {
            auto const arrived = wire_.receive();
            if (!arrived) break;
            property(arrived->frame.size() >= kEthernetHeaderBytes &&
                     arrived->frame.size() <= kMaxFrameBytes);
            property((arrived->header.flags & ~kNetNeedsChecksum) == 0);
            uint8_t const gso = arrived->header.gso_type & static_cast<uint8_t>(~kGsoEcn);
            property(gso == kGsoNone || gso == kGsoTcp4 || gso == kGsoTcp6);
            property(gso != kGsoTcp4 || (rig_->driver_features() & kNetFeatureHostTso4) != 0);
        }
    }

    uint64_t accepted_;
    Wire wire_;
    std::unique_ptr<Net> net_ = must(Net::make(0));
    std::unique_ptr<DeviceRig> rig_;
    bool plugged_ = false;
    bool hung_up_ = false;
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
