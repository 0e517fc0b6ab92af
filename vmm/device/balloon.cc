// SPDX-License-Identifier: Apache-2.0
#include "vmm/device/balloon.h"

#include <sys/mman.h>

#include "vmm/device/config_bytes.h"

namespace krun::vmm {
namespace {

constexpr uint64_t kFeatureReporting = uint64_t{1} << 5;  // §5.5.3
constexpr uintptr_t kPage = 4096;

// §5.5.4. No pages are wanted.
struct BalloonConfig {
    uint32_t num_pages;
    uint32_t actual;
    uint32_t free_page_hint_cmd_id;
    uint32_t poison_val;
};

// Whole pages only; the rest of a first or last one may be in use. What was a page of the kernel's file
// (GuestMemory::map_file) is that page of the file afterwards, everything else zeros: §5.5.6.7.2 allows any
// content. Not MADV_FREE, with which the pages would be the container's until the host is short of memory.
void give_back(iovec const& part) {
    auto const begin = (reinterpret_cast<uintptr_t>(part.iov_base) + kPage - 1) / kPage * kPage;
    auto const end = (reinterpret_cast<uintptr_t>(part.iov_base) + part.iov_len) / kPage * kPage;
    if (begin < end) ::madvise(reinterpret_cast<void*>(begin), end - begin, MADV_DONTNEED);
}

}  // namespace

uint64_t Balloon::features() const {
    return kFeatureReporting;
}

void Balloon::read_config(uint32_t offset, std::span<std::byte> out) const {
    read_config_bytes(BalloonConfig{}, offset, out);
}

// What comes to inflate the balloon is nobody's wish: it goes back, and the pages stay as they are.
Result<void, GuestFault> Balloon::handle_queue(uint16_t index) {
    Queue* const queue = context_->queue(index);
    while (queue != nullptr && TRY(queue->pop(chain_))) {
        if (index == kReports)
            for (auto const& part : chain_.writable()) give_back(part);
        TRY(queue->push_used(chain_, 0));
    }
    return {};
}

}  // namespace krun::vmm
