// SPDX-License-Identifier: Apache-2.0
// A queue over guest memory that the fuzzer wrote: byte 0 chooses the size, byte 1 the features, the rest is
// RAM from address 0 on, where the rings lie. Properties: no chain has more parts than the queue has entries;
// parts lie in RAM; no more chains come out than the queue holds; and the device writes nothing but its used
// ring.
#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "vmm/virtio/queue.h"

namespace {

using namespace krun;
using namespace krun::vmm;

constexpr uint64_t kRam = 16 << 10;

void require(bool condition) {
    if (!condition) std::abort();
}

struct Rings {
    QueueLayout layout;
    uint64_t used_begin, used_end;
};

Rings rings_of(uint8_t size_choice, uint8_t features) {
    auto const size = static_cast<uint16_t>(1u << (size_choice % 8));
    uint64_t const available = 16u * size;
    uint64_t const used = (available + 6 + 2u * size + 3) & ~uint64_t{3};
    return {{.size = size,
             .descriptors = GuestAddr{0},
             .driver_area = GuestAddr{available},
             .device_area = GuestAddr{used},
             .event_idx = (features & 1) != 0,
             .indirect = (features & 2) != 0},
            used,
            used + 6 + 8u * size};
}

void check_chain(Chain const& chain, uint16_t queue_size, std::span<std::byte const> ram) {
    require(chain.readable().size() + chain.writable().size() <= queue_size);
    size_t sum = 0;
    for (auto const parts : {chain.readable(), chain.writable()}) {
        for (auto const& part : parts) {
            auto const* begin = static_cast<std::byte const*>(part.iov_base);
            require(part.iov_len > 0 && begin >= ram.data() && part.iov_len <= ram.size());
            require(begin + part.iov_len <= ram.data() + ram.size());
            sum += part.iov_len;
        }
    }
    require(sum == chain.readable_bytes() + chain.writable_bytes() && sum <= UINT32_MAX);
    std::vector<std::byte> out(std::min<size_t>(chain.readable_bytes() + 1, 64 << 10));
    require(chain.copy_from(0, out) == std::min(chain.readable_bytes(), out.size()));
}

void drain(Queue& queue, bool return_chains, std::span<std::byte const> ram) {
    Chain chain;
    for (unsigned popped = 0;; ++popped) {
        auto const more = queue.pop(chain);
        if (!more.ok()) {
            require(!queue.pop(chain).ok());  // a fault is final
            return;
        }
        if (!more.value()) return;
        require(popped < queue.size());  // nobody offers more while we look
        check_chain(chain, queue.size(), ram);
        if (!return_chains) continue;
        require(queue.push_used(chain, 0).ok());
        queue.take_interrupt();
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(uint8_t const* data, size_t size) {
    if (size < 2) return 0;
    GuestRange const range{GuestAddr{0}, kRam};
    auto ram = GuestMemory::make({&range, 1});
    require(ram.ok());
    auto const bytes = ram.value().regions()[0].host.bytes();
    std::memcpy(bytes.data(), data + 2, std::min(size - 2, bytes.size()));
    std::vector<std::byte> const before(bytes.begin(), bytes.end());

    auto const rings = rings_of(data[0], data[1]);
    auto queue = Queue::make(ram.value(), rings.layout);
    require(queue.ok());
    auto taken = std::move(queue).value();
    drain(taken, (data[1] & 4) != 0, bytes);
    for (uint64_t i = 0; i < kRam; ++i)
        require((i >= rings.used_begin && i < rings.used_end) || bytes[i] == before[i]);
    return 0;
}
