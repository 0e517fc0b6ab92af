// SPDX-License-Identifier: Apache-2.0
#include "vmm/boot/initrd.h"

#include <sys/stat.h>

#include <algorithm>

#include "vmm/boot/kernel_config.h"
#include "vmm/memory/layout.h"

namespace krun::vmm {
namespace {

constexpr uint64_t kPage = layout::kPage;

Result<uint64_t> checked_size(BorrowedFd file) {
    struct stat st;
    if (::fstat(file.raw(), &st) < 0) return fail(Error::sys("stat the initrd"));
    if (!S_ISREG(st.st_mode) || st.st_size <= 0)
        return fail(Error(Errc::kInvalidConfig, "the initrd is empty or no regular file"));
    return static_cast<uint64_t>(st.st_size);
}

}  // namespace

Result<GuestRange> load_initrd(GuestMemory& ram, BorrowedFd file, LoadedKernel const& kernel) {
    if (kernel.image.valid() && lacks_option(kernel.image.borrow(), "CONFIG_BLK_DEV_INITRD"))
        return fail(Error(Errc::kInvalidConfig, "the kernel has no CONFIG_BLK_DEV_INITRD"));
    uint64_t const size = TRY(checked_size(file));
    auto const& low = ram.regions().front();
    uint64_t const limit = std::min(kernel.initrd_end, raw(low.base) + low.host.bytes().size());
    uint64_t const first = (kernel.end + kPage - 1) & ~(kPage - 1);
    uint64_t const room = limit > first ? limit - first : 0;
    if (size > room)
        return fail(Error(Errc::kInvalidConfig, "the initrd has " + std::to_string(size) +
                                                    " bytes, beside the kernel fit " + std::to_string(room)));
    uint64_t const begin = (limit - size) & ~(kPage - 1);
    // What the file's last page has beyond its end reads as zeroes.
    TRY(ram.map_file(GuestAddr{begin}, (size + kPage - 1) & ~(kPage - 1), file, 0));
    return GuestRange{GuestAddr{begin}, size};
}

}  // namespace krun::vmm
