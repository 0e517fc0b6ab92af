// SPDX-License-Identifier: Apache-2.0
#include "bench/driver/ram.h"

#include <sys/mman.h>

#include <cstdio>
#include <cstdlib>

#include "base/fd.h"
#include "tests/support/guest_driver.h"

namespace krun::bench {

void die(char const* what) {
    std::perror(what);
    std::exit(125);
}

Ram::Ram(uint64_t len_bytes, RamKind kind) : guest_(vmm::small_ram(len_bytes)) {
    base_ =
        static_cast<std::byte*>(vmm::must(guest_.slice(vmm::GuestAddr{0}, len_bytes)).for_kernel().iov_base);
    if (kind == RamKind::kPrivate) return;
    file_ = vmm::must(make_memfd("ram", len_bytes));
    // In bounds: the region is ours, and exactly this long.
    if (::mmap(base_, len_bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, file_.borrow().raw(), 0) ==
        MAP_FAILED)
        die("map the guest's memfd");
}

uint64_t Ram::allocate(uint64_t len_bytes) {
    uint64_t const at = next_;
    next_ += (len_bytes + 4095) / 4096 * 4096;
    if (next_ > size_bytes()) {
        std::fputs("fs_bench: the guest's RAM is too small\n", stderr);
        std::exit(125);
    }
    return at;
}

}  // namespace krun::bench
