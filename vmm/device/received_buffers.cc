// SPDX-License-Identifier: Apache-2.0
#include "vmm/device/received_buffers.h"

#include <algorithm>
#include <climits>
#include <cstddef>
#include <utility>

#include "vmm/device/net_protocol.h"

namespace krun::vmm {

Result<bool, GuestFault> ReceivedBuffers::take() {
    while (bytes_ < longest_ && taken_.size() < queue_.size()) {
        Chain chain;
        if (!spare_.empty()) {
            chain = std::move(spare_.back());
            spare_.pop_back();
        }
        if (!TRY(queue_.pop(chain))) {
            spare_.push_back(std::move(chain));
            return false;
        }
        // §5.1.6.3.2: at least the header fits into each.
        if (chain.writable_bytes() < sizeof(NetHeader)) return fail(GuestFault{"receive buffer too short"});
        auto const& more = chain.writable();
        if (parts_.size() + more.size() > IOV_MAX) {
            queue_.undo_pop();
            spare_.push_back(std::move(chain));
            return true;
        }
        parts_.insert(parts_.end(), more.begin(), more.end());
        bytes_ += chain.writable_bytes();
        taken_.push_back(std::move(chain));
    }
    return true;
}

Result<void, GuestFault> ReceivedBuffers::give(size_t bytes) {
    used_.clear();
    size_t parts = 0;
    for (size_t left = bytes; left > 0 && used_.size() < taken_.size();) {
        Chain const& chain = taken_[used_.size()];
        size_t const here = std::min(left, chain.writable_bytes());
        used_.push_back({&chain, static_cast<uint32_t>(here)});
        parts += chain.writable().size();
        bytes_ -= chain.writable_bytes();
        left -= here;
    }
    auto const buffers = static_cast<uint16_t>(used_.size());
    taken_.front().copy_to(offsetof(NetHeader, buffers), std::as_bytes(std::span(&buffers, 1)));
    TRY(queue_.push_used(used_));
    parts_.erase(parts_.begin(), parts_.begin() + static_cast<ptrdiff_t>(parts));
    for (size_t i = 0; i < buffers; ++i) {
        spare_.push_back(std::move(taken_.front()));
        taken_.pop_front();
    }
    return {};
}

}  // namespace krun::vmm
