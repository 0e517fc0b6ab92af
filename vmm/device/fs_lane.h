// SPDX-License-Identifier: Apache-2.0
// One thread's part of a file share: hands each FUSE request from its queues to the file server and back,
// without a copy. Knows no FUSE. Requests are served in order of arrival in each queue, but for those that
// helpers serve (helpers.h), which the specification lets overtake and be overtaken.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "fs/server.h"
#include "vmm/device/helpers.h"
#include "vmm/machine_spec.h"
#include "vmm/virtio/device.h"
#include "vmm/virtio/interval_timer.h"

namespace krun::vmm {

// A request that a helper serves.
struct FsJob {
    uint16_t queue = 0;  // that the chain was popped from
    Chain chain;
    uint32_t written = 0;  // bytes of reply, once it is done
    Returns<FsJob>* to = nullptr;
};

// What all threads of one share's device have in common.
struct FsShared {
    explicit FsShared(Share what) : share(std::move(what)), name("fs-" + share.tag) {}

    Share const share;
    std::string const name;
    std::vector<uint16_t> queue_sizes;  // [0] is hiprio, then the request queues
    // Helpers are few: none waits for a lock.
    Helpers<FsJob> helpers{[server = share.server](FsJob& job) {
        job.written = server->serve(job.chain.readable(), job.chain.writable(), fs::Server::Waiting::kMayNot);
    }};
};

class FsLane final : public VirtioDevice {
public:
    static Result<std::unique_ptr<FsLane>> make(std::shared_ptr<FsShared> shared);

    DeviceId id() const override { return DeviceId::kFs; }
    std::string_view name() const override { return shared_->name; }
    std::span<uint16_t const> queue_sizes() const override { return shared_->queue_sizes; }
    std::chrono::nanoseconds patience() const override { return std::chrono::microseconds(50); }
    bool look() override { return collect(); }
    // hiprio: nobody waits for FORGET.
    bool has_no_hurry(uint16_t index) const override { return index == 0; }
    void read_config(uint32_t, std::span<std::byte>) const override {}  // the device's own affair
    Result<void> activate(DeviceContext& context) override;
    Result<void, GuestFault> handle_queue(uint16_t index) override;
    void reset() override;

private:
    FsLane(std::shared_ptr<FsShared> shared, std::unique_ptr<Returns<FsJob>> returns, IntervalTimer timer)
        : shared_(std::move(shared)), returns_(std::move(returns)), timer_(std::move(timer)) {}
    fs::Server& server() const { return *shared_->share.server; }
    bool is_for_helpers(Queue const& queue) const;
    // Bytes of reply, or one of the server's words for a request that was not served.
    uint32_t serve();
    // A request that waits for a lock is kept, and served again now and then and when others were served.
    void park(uint16_t queue);
    Result<void, GuestFault> serve_parked();
    void hand_over(uint16_t queue);
    // Returns to the driver what helpers have done. True if there was some.
    bool collect();
    Result<void, GuestFault> give_back(Queue& queue, Chain const& chain, uint32_t written);

    std::shared_ptr<FsShared> const shared_;
    std::unique_ptr<Returns<FsJob>> const returns_;
    DeviceContext* context_ = nullptr;
    Chain chain_;
    struct Parked {
        uint16_t queue;
        Chain chain;
    };
    // So many processes of the guest may wait at once, then ENOLCK: the driver's queue has room for others.
    static constexpr size_t kMaxParked = 64;
    std::vector<Parked> parked_;
    IntervalTimer timer_;  // on while there are some
};

}  // namespace krun::vmm
