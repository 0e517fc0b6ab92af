// SPDX-License-Identifier: Apache-2.0
#include "vmm/boot/bzimage.h"

#include <algorithm>
#include <cstring>

#include "vmm/memory/layout.h"

namespace krun::vmm {
namespace {

constexpr size_t kHeaderOffset = 0x1f1;
constexpr size_t kMagicOffset = 0x202;
constexpr uint32_t kMagic = 0x53726448;     // "HdrS"
constexpr uint16_t kOldestVersion = 0x20c;  // the first that says whether there is a 64-bit entry point
constexpr uint64_t kSector = 512;
constexpr uint64_t kUsualSetupSectors = 4;  // what 0 stands for
constexpr uint64_t kEntryOffset = 0x200;    // of the 64-bit entry point, in the loaded part

Result<setup_header> read_header(BorrowedFd file) {
    setup_header h{};
    TRY(read_all(file, kHeaderOffset, std::as_writable_bytes(std::span(&h, 1))));
    // The byte after the jump's opcode tells where the header ends: what follows is code.
    size_t const len = kMagicOffset - kHeaderOffset + (h.jump >> 8);
    if (len < sizeof h) std::memset(reinterpret_cast<char*>(&h) + len, 0, sizeof h - len);
    if (h.version < kOldestVersion) return bad_kernel("a bzImage older than boot protocol 2.12");
    if ((h.xloadflags & XLF_KERNEL_64) == 0) return bad_kernel("a bzImage without a 64-bit entry point");
    return h;
}

}  // namespace

bool is_bzimage(KernelHead head) {
    uint32_t magic = 0;
    std::memcpy(&magic, head.data() + kMagicOffset, sizeof magic);
    return magic == kMagic;
}

Result<LoadedKernel> load_bzimage(GuestMemory& ram, BorrowedFd file) {
    auto const header = TRY(read_header(file));
    uint64_t const sectors = header.setup_sects == 0 ? kUsualSetupSectors : header.setup_sects;
    uint64_t const offset = (sectors + 1) * kSector;
    uint64_t const file_size = TRY(size_of(file));
    if (file_size <= offset + kEntryOffset) return bad_kernel("it ends too early");
    uint64_t const begin = header.pref_address;
    uint64_t const bytes = file_size - offset;
    uint64_t const needed = std::max<uint64_t>(header.init_size, bytes);
    if (begin < layout::kHighRamBegin) return bad_kernel("a bzImage that wants to lie below 1 MiB");
    if (!ram.slice(GuestAddr{begin}, needed).ok())
        return bad_kernel("the guest's RAM is too small to unpack it");
    // It unpacks itself over all of this.
    TRY(load_segment(ram, file, {begin, begin + needed, offset, bytes, /*is_written=*/true}));
    LoadedKernel kernel;
    kernel.entry = GuestAddr{begin + kEntryOffset};
    kernel.end = begin + needed;
    kernel.initrd_end = uint64_t{header.initrd_addr_max} + 1;
    kernel.header = header;
    return kernel;
}

}  // namespace krun::vmm
