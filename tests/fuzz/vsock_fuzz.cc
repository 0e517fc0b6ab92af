// SPDX-License-Identifier: Apache-2.0
// A hostile vsock driver: packets with any header in any descriptors, receive buffers of any size, resets,
// while the host opens streams of its own, reads and writes. Every chain that is taken comes back,
// connections stay below their caps, streams that cannot be are closed at once, and nothing aborts.
#include <poll.h>
#include <sys/socket.h>

#include "base/fd.h"
#include "tests/fuzz/fuzz_script.h"
#include "tests/vmm/device/device_rig.h"
#include "vmm/device/vsock.h"

namespace krun::vmm {
namespace {

constexpr uint32_t kPorts[] = {10, 11, 12, 13, 22};  // output, input, duplex, one-shot, none
// The host's own streams: few enough that the guest's packets meet them and that pairs are used twice.
constexpr uint32_t kHostPorts[] = {0x1000'0000, 0x1000'0001, 0x1000'0020};
constexpr int kMaxSteps = 200;  // the driver's heap is not reused

void property(bool holds) {
    if (!holds) std::abort();
}

class HostileVsock {
public:
    HostileVsock() {
        std::vector<VsockPort> ports;
        ports.push_back({kPorts[0], false, [this]() -> Result<StreamEnds> {
                             return StreamEnds{{}, must(duplicate(pipe_.second.borrow())), {}};
                         }});
        ports.push_back({kPorts[1], false, [this]() -> Result<StreamEnds> {
                             return StreamEnds{must(duplicate(zero_.borrow())), {}, {}};
                         }});
        ports.push_back({kPorts[2], false, [this] { return duplex(); }});
        ports.push_back({kPorts[3], true, [this] { return duplex(); }});
        device_ = must(Vsock::make(std::move(ports)));
        rig_ = std::make_unique<DeviceRig>(*device_);
    }

    void step(FuzzScript& script) {
        switch (script.take<uint8_t>() % 8) {
            case 0:
            case 1:
            case 2:
                send_packet(script);
                break;
            case 3:
                send_raw(script);
                break;
            case 4:
                offer_buffer(script);
                break;
            case 5:
                if (peer_.valid()) ::send(peer_.borrow().raw(), "hello", 5, MSG_DONTWAIT | MSG_NOSIGNAL);
                break;
            case 6:
                connect(script);
                break;
            case 7:
                if (script.take<uint8_t>() == 0) restart();
                break;
        }
        rig_->turn();
        while (rig_->driver(1).take_used()) ++returned_;
        while (rig_->driver(0).take_used()) ++buffers_returned_;
        property(device_->connections() <= Vsock::kMaxGuestConnections + Vsock::kMaxHostConnections);
        property(streams_held() <= device_->connections());
        property(returned_ <= sent_ && buffers_returned_ <= offered_);
    }

    // With receive buffers enough for every refusal, no packet may be left lying.
    void finish() {
        for (int i = 0; i < 200 && rig_->broken_rule().empty(); ++i) {
            if (offered_ - buffers_returned_ < 40) {
                rig_->driver(0).chain().writable(256).publish();
                ++offered_;
            }
            rig_->kick(0);
            while (rig_->driver(0).take_used()) ++buffers_returned_;
        }
        rig_->kick(1);
        while (rig_->driver(1).take_used()) ++returned_;
        property(returned_ == sent_ || !rig_->broken_rule().empty());
    }

private:
    Result<StreamEnds> duplex() {
        auto [ours, theirs] = TRY(make_socketpair(SOCK_STREAM));
        peer_ = std::move(theirs);
        auto other = TRY(duplicate(ours.borrow()));
        return StreamEnds{std::move(ours), std::move(other), {}};
    }
    // A stream of one direction or both, with a `done` that must have hung up when nothing is connected.
    void connect(FuzzScript& script) {
        auto const shape = script.take<uint8_t>();
        auto [done_read, done_write] = must(make_pipe());
        auto ends = must(duplex());
        if ((shape & 1) != 0) ends.to_guest.reset();
        if ((shape & 2) != 0) ends.from_guest.reset();
        ends.done = std::move(done_write);
        uint32_t const host_port = kHostPorts[script.take<uint8_t>() % std::size(kHostPorts)];
        device_->connect(host_port, 1000u + script.take<uint8_t>() % 4, std::move(ends));
        rig_->turn();
        done_.push_back(std::move(done_read));
    }
    size_t streams_held() const {
        size_t held = 0;
        for (auto const& fd : done_) {
            pollfd state{.fd = fd.borrow().raw(), .events = POLLIN, .revents = 0};
            held += ::poll(&state, 1, 0) == 0 ? 1 : 0;
        }
        return held;
    }
    // A header that gets past the addressing more often than not.
    void send_packet(FuzzScript& script) {
        auto const shape = script.take<uint8_t>();
        VsockHeader h{.src_cid = kGuestCid,
                      .dst_cid = kHostCid,
                      .src_port = 1000u + script.take<uint8_t>() % 4,
                      .dst_port = kPorts[script.take<uint8_t>() % std::size(kPorts)],
                      .len = 0,
                      .type = kVsockStream,
                      .op = static_cast<uint16_t>(script.take<uint8_t>() % 10),
                      .flags = script.take<uint8_t>(),
                      .buf_alloc = script.take<uint32_t>(),
                      .fwd_cnt = script.take<uint32_t>()};
        if ((shape & 1) != 0) h.dst_port = script.take<uint32_t>();
        if ((shape & 64) != 0) h.dst_port = kHostPorts[h.dst_port % std::size(kHostPorts)];
        if ((shape & 2) != 0) h.src_cid = script.take<uint64_t>();
        if ((shape & 4) != 0) h.type = script.take<uint16_t>();
        std::string const body = script.take_text(64);
        h.len = (shape & 8) != 0 ? script.take<uint32_t>() : static_cast<uint32_t>(body.size());
        std::string const bytes = std::string(reinterpret_cast<char const*>(&h), sizeof h) + body;
        size_t const first = (shape & 16) != 0 ? script.take<uint8_t>() % bytes.size() : bytes.size();
        auto chain = rig_->driver(1).chain();
        chain.readable(bytes.substr(0, first)).readable(bytes.substr(first));
        if ((shape & 32) != 0) chain.writable(16);
        publish(chain);
    }
    void send_raw(FuzzScript& script) {
        auto chain = rig_->driver(1).chain();
        chain.readable(script.take_text(255));
        publish(chain);
    }
    void publish(GuestDriver::ChainBuilder& chain) {
        if (waiting() > 30) return;  // three descriptors each: the driver has no more
        chain.publish();
        ++sent_;
        rig_->kick(1);
    }
    void offer_buffer(FuzzScript& script) {
        if (offered_ - buffers_returned_ > 25) return;  // three descriptors each
        auto chain = rig_->driver(0).chain();
        if ((script.take<uint8_t>() & 1) != 0) chain.readable("x");
        chain.writable(script.take<uint8_t>()).writable(script.take<uint8_t>());
        chain.publish();
        ++offered_;
        rig_->kick(0);
    }
    void restart() {
        rig_->restart();
        sent_ = returned_ = offered_ = buffers_returned_ = 0;
        property(device_->connections() == 0);
    }
    size_t waiting() const { return sent_ - returned_; }

    std::pair<UniqueFd, UniqueFd> pipe_ = must(make_pipe());  // nobody reads it
    UniqueFd zero_ = must(open_path("/dev/zero", 0));         // input without end
    UniqueFd peer_;
    std::unique_ptr<Vsock> device_;
    std::unique_ptr<DeviceRig> rig_;
    std::vector<UniqueFd> done_;  // of every stream that the host has opened
    size_t sent_ = 0;
    size_t returned_ = 0;
    size_t offered_ = 0;
    size_t buffers_returned_ = 0;
};

}  // namespace
}  // namespace krun::vmm

extern "C" int LLVMFuzzerTestOneInput(uint8_t const* data, size_t size) {
    krun::FuzzScript script(data, size);
    krun::vmm::HostileVsock vsock;
    for (int i = 0; i < krun::vmm::kMaxSteps && !script.done(); ++i) vsock.step(script);
    vsock.finish();
    return 0;
}
