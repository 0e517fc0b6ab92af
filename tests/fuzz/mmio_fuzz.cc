// SPDX-License-Identifier: Apache-2.0
// A driver gone mad: each 8 bytes are one register access of any width at any offset, or a write to guest
// RAM, on a transport whose worker runs. Properties: status bits stay in the specification's order; reads
// beyond the configuration are 0; a reset always works and leaves guest memory alone afterwards.
#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "tests/support/mmio_driver.h"

namespace {

using namespace krun::vmm;

constexpr uint64_t kRam = 64 << 10;

void require(bool condition) {
    if (!condition) std::abort();
}

struct Step {
    uint8_t what;
    uint8_t width;
    uint16_t offset;
    uint32_t value;
};
static_assert(sizeof(Step) == 8);

void check_status(uint32_t status) {
    auto const implies = [status](uint32_t bit, uint32_t needed) {
        return (status & bit) == 0 || (status & needed) == needed;
    };
    require(implies(kStatusDriver, kStatusAcknowledge));
    require(implies(kStatusFeaturesOk, kStatusDriver));
    require(implies(kStatusDriverOk, kStatusFeaturesOk));
}

void take(Step const& step, MmioDriver& mmio, krun::vmm::GuestMemory const& ram) {
    std::array<std::byte, 8> bytes{};
    std::memcpy(bytes.data(), &step.value, sizeof step.value);
    auto const data = std::span(bytes).first(size_t{1} << (step.width % 4));
    uint64_t const offset = step.offset % 0x1000;
    switch (step.what % 4) {
        case 0:
            return mmio.transport().write(offset, data);
        case 1:
            if (offset >= 0x108) require(mmio.read(offset & ~uint64_t{3}) == 0);
            return;
        case 2:  // the accesses that get somewhere: aligned, 32 bits, a register that exists
            return mmio.write(offset % 0x100 & ~uint64_t{3}, step.value);
        default:
            must(ram.write(GuestAddr{step.offset % (kRam - 4)}, step.value));
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(uint8_t const* data, size_t size) {
    auto const ram = small_ram(kRam);
    MmioDriver mmio(ram);
    for (size_t at = 0; at + sizeof(Step) <= size && at < 4096; at += sizeof(Step)) {
        Step step;
        std::memcpy(&step, data + at, sizeof step);
        take(step, mmio, ram);
        check_status(mmio.status());
    }
    mmio.set_status(0);
    require(mmio.status() == 0 && mmio.interrupt().pending() == 0);
    require(mmio.device().activations.load() == mmio.device().resets.load());
    return 0;
}
