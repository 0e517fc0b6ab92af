// SPDX-License-Identifier: Apache-2.0
#include "bench/driver/bare_device.h"

#include <array>
#include <cstring>
#include <memory>

#include "bench/driver/alone.h"
#include "bench/driver/device_peer.h"
#include "vmm/virtio/device.h"

namespace krun::bench {
namespace {

constexpr size_t kMostBytes = 512;  // of a request, of a reply

class BareDevice final : public vmm::VirtioDevice {
public:
    BareDevice(std::function<void(uint64_t)> calls, unsigned requests_an_operation)
        : calls_(std::move(calls)), requests_an_operation_(requests_an_operation) {}

    vmm::DeviceId id() const override { return vmm::DeviceId::kNone; }
    std::string_view name() const override { return "bare"; }
    std::span<uint16_t const> queue_sizes() const override { return kQueueSizes; }
    // As long as any device of ours.
    std::chrono::nanoseconds patience() const override { return std::chrono::microseconds(50); }
    void read_config(uint32_t /*offset*/, std::span<std::byte> /*out*/) const override {}
    Result<void> activate(vmm::DeviceContext& context) override {
        context_ = &context;
        return {};
    }
    Result<void, vmm::GuestFault> handle_queue(uint16_t index) override {
        auto& queue = *context_->queue(index);
        while (TRY(queue.pop(chain_))) {
            chain_.copy_from(0, request_);
            if (asked_++ % requests_an_operation_ == 0) calls_(1);
            TRY(queue.push_used(chain_, static_cast<uint32_t>(chain_.copy_to(0, reply_))));
        }
        return {};
    }
    void reset() override { context_ = nullptr; }

private:
    static constexpr std::array<uint16_t, 1> kQueueSizes{DriverQueue::kSize};
    std::function<void(uint64_t)> const calls_;
    unsigned const requests_an_operation_;
    vmm::DeviceContext* context_ = nullptr;
    vmm::Chain chain_;
    uint64_t asked_ = 0;
    std::array<std::byte, kMostBytes> request_{};
    std::array<std::byte, kMostBytes> const reply_{};
};

void write_request(DriverQueue const& queue, Shape const& shape) {
    for (size_t i = 0; i < shape.readable.size(); ++i) std::memset(queue.part(0, i), 1, shape.readable[i]);
}

void read_reply(DriverQueue const& queue, Shape const& shape) {
    std::array<std::byte, kMostBytes> reply;
    for (size_t i = 0; i < shape.writable.size(); ++i) {
        std::memcpy(reply.data(), queue.part(0, shape.readable.size() + i), shape.writable[i]);
        asm volatile("" : : "r"(reply.data()) : "memory");
    }
}

}  // namespace

double behind_queue_ns(std::function<void(uint64_t)> calls, Bare const& bare, Waiting waiting, double seconds,
                       unsigned turns) {
    DevicePeer peer(std::make_unique<BareDevice>(std::move(calls), bare.requests_an_operation), bare.kind,
                    /*silent=*/0, /*requests=*/1, /*features=*/0, waiting);
    auto& queue = peer.queues().front();
    queue.shape(0, bare.shape);
    auto const run = [&](uint64_t count) {
        for (uint64_t i = 0; i < count * bare.requests_an_operation; ++i) {
            write_request(queue, bare.shape);
            queue.offer(0);
            queue.wait();
            read_reply(queue, bare.shape);
        }
    };
    return alone_ns(run, seconds, turns);
}

}  // namespace krun::bench
