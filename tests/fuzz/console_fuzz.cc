// SPDX-License-Identifier: Apache-2.0
// A hostile console driver: any bytes on any queue, buffers of any size, resets, while the host sends input
// and sizes. Every chain that the driver gives to be read comes back, output is what was written, and nothing
// aborts.
#include "tests/fuzz/fuzz_script.h"
#include "tests/vmm/device/device_rig.h"
#include "vmm/device/console.h"
#include "vmm/device/console_protocol.h"

namespace krun::vmm {
namespace {

constexpr int kMaxSteps = 200;  // the driver's heap is not reused

void property(bool holds) {
    if (!holds) std::abort();
}

class HostileConsole {
public:
    explicit HostileConsole(bool many_ports) : ports_(many_ports ? 3u : 1u) {
        std::vector<ConsolePort> ports(ports_);
        for (auto& port : ports) port.write = [this](auto part) { output_bytes_ += part.size(); };
        ports.back().name = many_ports ? "agent" : "";
        device_ = must(Console::make(std::move(ports)));
        rig_ = std::make_unique<DeviceRig>(*device_);
    }

    void step(FuzzScript& script) {
        uint32_t const port = script.take<uint8_t>() % ports_;
        switch (script.take<uint8_t>() % 6) {
            case 0:
                print(port, script);
                break;
            case 1:
                if (ports_ > 1) control(script);
                break;
            case 2:
                offer(script);
                break;
            case 3:
                type(port, script.take_text(255));
                break;
            case 4:
                device_->resize(port, {script.take<uint16_t>(), script.take<uint16_t>()});
                break;
            case 5:
                if (script.take<uint8_t>() == 0) rig_->restart();
                break;
        }
        rig_->turn();
        for (uint16_t i = 0; i < rig_->queue_count(); ++i)
            while (rig_->driver(i).take_used()) continue;
    }

private:
    void type(uint32_t port, std::string const& text) { device_->send(port, std::as_bytes(std::span(text))); }
    void print(uint32_t port, FuzzScript& script) {
        uint16_t const queue = console_queue_to_host(port);
        std::string const text = script.take_text(255);
        std::string const more = script.take_text(255);
        size_t const before = output_bytes_;
        rig_->driver(queue).chain().readable(text).readable(more).writable(4).publish();
        rig_->kick(queue);
        property(output_bytes_ - before == text.size() + more.size());
        property(rig_->driver(queue).take_used().has_value());
    }
    void control(FuzzScript& script) {
        ConsoleControl const message{script.take<uint8_t>(), script.take<uint8_t>(), script.take<uint8_t>()};
        size_t const len = std::min<size_t>(script.take<uint8_t>(), sizeof message);
        std::string const bytes(reinterpret_cast<char const*>(&message), sizeof message);
        rig_->driver(kControlToHost).chain().readable(bytes.substr(0, len)).publish();
        rig_->kick(kControlToHost);
        property(rig_->driver(kControlToHost).take_used().has_value());
    }
    void offer(FuzzScript& script) {
        auto const queue = static_cast<uint16_t>(script.take<uint8_t>() % rig_->queue_count());
        bool const to_guest = queue % 2 == 0;
        if (!to_guest || offered_[queue] >= rig_->queue(queue)->size()) return;
        ++offered_[queue];
        rig_->driver(queue).chain().writable(script.take<uint8_t>()).publish();
        rig_->kick(queue);
    }

    uint32_t ports_;
    size_t output_bytes_ = 0;
    std::unique_ptr<Console> device_;
    std::unique_ptr<DeviceRig> rig_;
    std::array<int, 8> offered_{};  // never more than the queue holds, even if none comes back
};

}  // namespace
}  // namespace krun::vmm

extern "C" int LLVMFuzzerTestOneInput(uint8_t const* data, size_t size) {
    krun::FuzzScript script(data, size);
    krun::vmm::HostileConsole console(script.take<uint8_t>() % 2 == 1);
    for (int i = 0; i < krun::vmm::kMaxSteps && !script.done(); ++i) console.step(script);
    return 0;
}
