// SPDX-License-Identifier: Apache-2.0
// A virtio-mmio transport with its worker thread and a device that echoes, and the driver's side of its
// registers (virtio-v1.2 §4.2.2). For unit tests and fuzzers; what a kernel's virtio_mmio does is in
// bring_up().
#pragma once
#include <array>
#include <atomic>
#include <chrono>
#include <cstring>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "base/mutex.h"
#include "tests/support/guest_driver.h"
#include "tests/support/interrupt_line.h"
#include "vmm/virtio/features.h"
#include "vmm/virtio/mmio.h"

namespace krun::vmm {

// Returns each chain with as many of its readable bytes as fit into its writable ones. An empty chain is a
// fault.
class EchoDevice final : public VirtioDevice {
public:
    static constexpr uint64_t kOwnFeature = 1;
    static constexpr std::array<uint16_t, 2> kSizes{8, 16};

    DeviceId id() const override { return DeviceId::kConsole; }
    std::string_view name() const override { return "echo"; }
    uint64_t features() const override { return kOwnFeature; }
    std::span<uint16_t const> queue_sizes() const override { return kSizes; }
    void read_config(uint32_t offset, std::span<std::byte> out) const override {
        for (size_t i = 0; i < out.size() && offset + i < sizeof config; ++i)
            out[i] = std::byte{config[offset + i]};
    }
    Result<void> activate(DeviceContext& context) override {
        context_ = &context;
        features_seen.store(context.driver_features());
        activations.fetch_add(1);
        return {};
    }
    Result<void, GuestFault> handle_queue(uint16_t index) override {
        Chain chain;
        while (TRY(context_->queue(index)->pop(chain))) {
            std::array<std::byte, 256> bytes;
            size_t const n = chain.copy_from(0, bytes);
            if (n == 0) return fail(GuestFault{"nothing to echo"});
            size_t const echoed = chain.copy_to(0, std::span(bytes).first(n));
            TRY(context_->queue(index)->push_used(chain, static_cast<uint32_t>(echoed)));
        }
        return {};
    }
    void reset() override {
        context_ = nullptr;
        resets.fetch_add(1);
    }

    static constexpr uint8_t config[4] = {0xaa, 0xbb, 0xcc, 0xdd};
    std::atomic<int> activations{0};
    std::atomic<int> resets{0};
    std::atomic<uint64_t> features_seen{0};

private:
    DeviceContext* context_ = nullptr;
};

class MmioDriver {
public:
    explicit MmioDriver(GuestMemory const& ram) : interrupt_(line_.edge()) {
        auto device = std::make_unique<EchoDevice>();
        device_ = device.get();
        worker_ =
            must(Worker::make(std::move(device), interrupt_, [this](std::string_view, std::string_view rule) {
                Lock lock(faults_mutex_);
                faults_.emplace_back(rule);
            }));
        transport_ = std::make_unique<VirtioMmio>(ram, *worker_, interrupt_, RegisterPage(page_));
        must(worker_->start());
    }

    ~MmioDriver() { worker_->stop(); }

    EchoDevice& device() { return *device_; }
    VirtioMmio& transport() { return *transport_; }
    Interrupt& interrupt() { return interrupt_; }
    // The rules that the guest broke so far, as the host was told.
    std::vector<std::string> faults() {
        Lock lock(faults_mutex_);
        return faults_;
    }

    void write(uint64_t offset, uint32_t value) {
        transport_->write(offset, std::as_bytes(std::span(&value, 1)));
    }
    // `offset`: a multiple of 4.
    uint32_t read(uint64_t offset) { return std::atomic_ref(RegisterPage(page_).word(offset)).load(); }
    uint32_t status() { return read(0x70); }
    void set_status(uint32_t value) { write(0x70, value); }

    void write_features(uint64_t features) {
        write(0x24, 0);
        write(0x20, static_cast<uint32_t>(features));
        write(0x24, 1);
        write(0x20, static_cast<uint32_t>(features >> 32));
    }
    // Up to FEATURES_OK; the status afterwards says whether the device agreed.
    void negotiate(uint64_t features = kFeatureVersion1 | kFeatureIndirectDesc) {
        set_status(0);
        set_status(kStatusAcknowledge);
        set_status(kStatusAcknowledge | kStatusDriver);
        write_features(features);
        set_status(kBeforeOk);
    }
    void set_up_queue(uint32_t index, QueueLayout const& layout) {
        write(0x30, index);
        write(0x38, layout.size);
        write_address(0x80, layout.descriptors);
        write_address(0x90, layout.driver_area);
        write_address(0xa0, layout.device_area);
        write(0x44, 1);
    }
    void go() { set_status(kBeforeOk | kStatusDriverOk); }
    void bring_up(GuestDriver const& queue) {
        negotiate();
        set_up_queue(0, queue.layout());
        go();
    }
    void notify(uint32_t index = 0) { write(0x50, index); }

    // The worker answers on its own thread.
    template <class Condition>
    static bool eventually(Condition condition) {
        for (int i = 0; i < 10'000; ++i) {
            if (condition()) return true;
            std::this_thread::sleep_for(std::chrono::milliseconds(1));
        }
        return false;
    }

    static constexpr uint32_t kBeforeOk = kStatusAcknowledge | kStatusDriver | kStatusFeaturesOk;

private:
    void write_address(uint64_t offset, GuestAddr at) {
        write(offset, static_cast<uint32_t>(raw(at)));
        write(offset + 4, static_cast<uint32_t>(raw(at) >> 32));
    }

    Mutex faults_mutex_;
    std::vector<std::string> faults_ GUARDED_BY(faults_mutex_);
    alignas(4096) std::array<std::byte, RegisterPage::kBytes> page_{};
    InterruptLine line_;
    Interrupt interrupt_;
    EchoDevice* device_ = nullptr;
    std::unique_ptr<Worker> worker_;
    std::unique_ptr<VirtioMmio> transport_;
};

}  // namespace krun::vmm
