// SPDX-License-Identifier: Apache-2.0
#include "vmm/device/fs.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "vmm/device/config_bytes.h"

namespace krun::vmm {
namespace {

// Linux limits a request to (queue size - 4) pages; 260 entries are needed for the 256 pages that FUSE
// allows at most, and this is the next power of two with room for more than one such request.
constexpr uint16_t kQueueSize = 1024;
// Beyond that their threads would cost a container more than they are of use to it.
constexpr uint32_t kMostUseful = 4;

// virtio-v1.2 §5.11.4. Without VIRTIO_FS_F_NOTIFICATION the driver does not look at notify_buf_size.
struct FsConfig {
    char tag[36];
    uint32_t num_request_queues;
};
static_assert(sizeof(FsConfig) == 40);

}  // namespace

Result<std::unique_ptr<Fs>> Fs::make(Share share, uint16_t request_queues) {
    if (share.tag.empty() || share.tag.size() > sizeof(FsConfig::tag))
        return fail(
            Error(Errc::kInvalidConfig, "a share's tag must have 1 to 36 bytes: \"" + share.tag + "\""));
    if (request_queues == 0 || request_queues > kMaxRequestQueues)
        return fail(Error(Errc::kInvalidConfig, "a share must have 1 to 64 request queues"));
    auto shared = std::make_shared<FsShared>(std::move(share));
    shared->queue_sizes.assign(size_t{1} + request_queues, kQueueSize);
    auto lane = TRY(FsLane::make(shared));
    std::vector<Lane> lanes;
    for (uint16_t queue = 2; queue <= request_queues; ++queue) {
        auto further = TRY(FsLane::make(shared));
        lanes.push_back({std::move(further), {queue}});
    }
    return std::unique_ptr<Fs>(new Fs(std::move(shared), std::move(lane), std::move(lanes)));
}

uint16_t Fs::useful_queues(uint32_t vcpus, uint32_t host_cpus) {
    return static_cast<uint16_t>(std::clamp(std::min(vcpus, host_cpus / 2), 1u, kMostUseful));
}

void Fs::read_config(uint32_t offset, std::span<std::byte> out) const {
    FsConfig config{.tag = {}, .num_request_queues = static_cast<uint32_t>(shared_->queue_sizes.size() - 1)};
    auto const& tag = shared_->share.tag;
    std::memcpy(config.tag, tag.data(), tag.size());  // no NUL if all 36 are used
    read_config_bytes(config, offset, out);
}

// The other lanes have been reset before: no request is in service any more.
void Fs::reset() {
    lane_->reset();
    shared_->share.server->reset();
}

}  // namespace krun::vmm
