// SPDX-License-Identifier: Apache-2.0
// A guest kernel, in whatever form a file holds it. The form is recognised by the file's first bytes; each
// has a file of its own and a row in kernel.cc.
#pragma once
#include <asm/bootparam.h>

#include <cstdint>
#include <optional>

#include "base/error.h"
#include "base/unique_fd.h"
#include "vmm/memory/guest_memory.h"

namespace krun::vmm {

// boot.rst, initrd_addr_max: kernels that do not say otherwise take an initrd below this.
inline constexpr uint64_t kUsualInitrdEnd = 0x80000000;

struct LoadedKernel {
    GuestAddr entry{};  // of the 64-bit boot protocol
    // Where its own memory ends: neither it nor what it unpacks itself to lies at or above.
    uint64_t end = 0;
    uint64_t initrd_end = kUsualInitrdEnd;
    // What a bzImage says of itself, to be handed back to it in boot_params.
    std::optional<setup_header> header{};
    // The file as it was loaded: what a compressed one unpacked to.
    UniqueFd image{};
};

// "an ELF file", "a bzImage", …; nullptr for what is none of them. Does not move the file's position.
char const* kernel_format(BorrowedFd file);
// One line: every form there is.
std::string known_kernel_formats();

// kInvalidConfig names the rule that a bad file breaks. Nothing in the file is believed.
// REQUIRES: `ram` is zero at and above layout::kHighRamBegin.
Result<LoadedKernel> load_kernel(GuestMemory& ram, BorrowedFd file);

}  // namespace krun::vmm
