// SPDX-License-Identifier: Apache-2.0
// virtio-blk (virtio-v1.2 §5.2): the guest's requests on a Disk, straight between its memory and the host's
// kernel. All queues are the device's one thread's. It serves requests in order of arrival in each; but on a
// disk that several threads may use, what waits for the host's storage is left to helpers, and so are pieces
// of large reads, of which it makes as many itself. The specification lets requests overtake each other: a
// flush is for those alone that were back before it was asked for (§5.2.6.2).
#pragma once
#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "vmm/device/blk_requests.h"
#include "vmm/device/helpers.h"
#include "vmm/machine_spec.h"
#include "vmm/virtio/device.h"

namespace krun::vmm {

class Blk final : public VirtioDevice {
public:
    static constexpr uint16_t kMaxQueues = 4;  // more queues than that are of no use to one thread

    // One queue for each of `vcpus`, at most kMaxQueues. Helpers copy on as many of `host_cpus` as make
    // sense. Refuses a serial that is not 1 to 20 bytes.
    static Result<std::unique_ptr<Blk>> make(DiskSpec spec, uint32_t vcpus, uint32_t host_cpus = 1);

    DeviceId id() const override { return DeviceId::kBlock; }
    std::string_view name() const override { return name_; }
    uint64_t features() const override;
    std::span<uint16_t const> queue_sizes() const override { return queue_sizes_; }
    // What the page cache answers takes less than waking up.
    std::chrono::nanoseconds patience() const override { return std::chrono::microseconds(50); }
    bool look() override { return collect(); }
    unsigned helpers() const override;
    void help() override;
    void end_help() override;
    // Any thread. Until a helper runs, the device's own thread does its work.
    size_t helpers_running() const { return copiers_.running() + waiters_.running(); }
    void read_config(uint32_t offset, std::span<std::byte> out) const override;
    Result<void> activate(DeviceContext& context) override;
    Result<void, GuestFault> handle_queue(uint16_t index) override;
    void reset() override;

private:
    // One that was not served at once.
    struct Request {
        uint16_t queue = 0;  // that the chain was popped from
        BlkHeader header{};
        Chain chain;
        std::vector<iovec> data;
        size_t jobs_left = 0;
        BlkOutcome outcome;
    };
    // All of a request, or a piece of what it reads.
    struct Job {
        Request* request = nullptr;
        uint64_t at = 0;     // in bytes of the disk
        size_t first = 0;    // of the request's data
        size_t parts = 0;    // 0: all of the request
        BlkOutcome outcome;  // once it is done
        Returns<Job>* to = nullptr;
    };
    using Waiting = BlkRequests::Waiting;

    Blk(DiskSpec spec, uint16_t queues, unsigned copiers, std::unique_ptr<Returns<Job>> returns);
    Result<void, GuestFault> take(uint16_t index);
    bool is_for_many(size_t bytes, Queue const& queue) const;
    Request& keep(uint16_t queue, BlkHeader const& header);
    void leave_to_helper(Request& request);
    void cut(Request& request, size_t bytes);
    // Does a piece that no helper has begun. False if there is none.
    bool do_piece();
    // False if it would wait but may not.
    bool serve(Job& job, Waiting waiting);
    // Returns to the driver what is done. True if there was some.
    bool collect();
    void finish(Job const& job);
    Result<void, GuestFault> give_back(uint16_t queue, Chain const& chain, BlkOutcome outcome);

    std::string const name_;
    BlkRequests requests_;
    std::vector<uint16_t> const queue_sizes_;
    DeviceContext* context_ = nullptr;
    Chain chain_;
    std::vector<iovec> data_;  // of the request or piece in hand
    std::vector<std::unique_ptr<Job>> pieces_;
    std::vector<std::unique_ptr<Request>> kept_;  // all that ever were
    std::vector<Request*> spare_;

    std::unique_ptr<Returns<Job>> const returns_;
    unsigned const copiers_wanted_;
    std::atomic<unsigned> helpers_come_{0};
    Helpers<Job> copiers_;  // never more than there are processors for
    Helpers<Job> waiters_;  // on the host's storage, which serves several at once
};

}  // namespace krun::vmm
