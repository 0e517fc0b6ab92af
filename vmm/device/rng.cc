// SPDX-License-Identifier: Apache-2.0
#include "vmm/device/rng.h"

#include <sys/random.h>

#include <algorithm>

namespace krun::vmm {
namespace {

// A request may name one page many times, so guest RAM does not bound it. Linux asks for 64 bytes.
constexpr size_t kMaxBytes = 4096;

}  // namespace

Result<void, GuestFault> Rng::handle_queue(uint16_t index) {
    Queue* const queue = context_->queue(index);
    if (queue == nullptr) return {};
    while (TRY(queue->pop(chain_))) {
        // §5.4.6.1: the driver offers only writable buffers.
        if (chain_.writable_bytes() == 0) return fail(GuestFault{"entropy request with nothing to fill"});
        std::array<std::byte, kMaxBytes> entropy;
        auto const wanted = std::span(entropy).first(std::min(chain_.writable_bytes(), kMaxBytes));
        ssize_t const got = ::getrandom(wanted.data(), wanted.size(), 0);
        // Interrupted before the first byte: 0 bytes are an answer that makes the driver ask again.
        auto const filled = wanted.first(got > 0 ? static_cast<size_t>(got) : 0);
        TRY(queue->push_used(chain_, static_cast<uint32_t>(chain_.copy_to(0, filled))));
    }
    return {};
}

}  // namespace krun::vmm
