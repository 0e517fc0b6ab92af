// SPDX-License-Identifier: Apache-2.0
// The kernel loader over a file that the fuzzer wrote, in any form. Properties: it ends; what it accepts has
// its entry point and its end in RAM; and it never touches the first MiB, where the boot structures lie.
#include <unistd.h>

#include <cstdlib>

#include "base/fd.h"
#include "vmm/boot/kernel.h"
#include "vmm/memory/layout.h"

namespace {

using namespace krun;
using namespace krun::vmm;

constexpr uint64_t kRam = 4 << 20;

void require(bool condition) {
    if (!condition) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(uint8_t const* data, size_t size) {
    auto file = make_memfd("fuzzed kernel", 0);
    require(file.ok() && write_full(file.value().borrow(), std::as_bytes(std::span(data, size))).ok());
    GuestRange const range{GuestAddr{0}, kRam};
    auto ram = GuestMemory::make({&range, 1});
    require(ram.ok());
    auto const kernel = load_kernel(ram.value(), file.value().borrow());
    if (kernel.ok()) {
        auto const entry = raw(kernel.value().entry);
        require(entry >= layout::kHighRamBegin && entry < kernel.value().end && kernel.value().end <= kRam);
    }
    if (!kernel.ok()) require(!kernel.error().message().empty());
    auto const low = ram.value().regions()[0].host.bytes().first(layout::kHighRamBegin);
    // Every 64th byte: all of them would make the fuzzer forty times slower.
    for (size_t at = 0; at < low.size(); at += 64) require(low[at] == std::byte{0});
    return 0;
}
