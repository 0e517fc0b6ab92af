// SPDX-License-Identifier: Apache-2.0
// Loads a bzImage (Linux Documentation/arch/x86/boot.rst) and enters it by the 64-bit boot protocol: the
// kernel unpacks itself, by whatever compression it was built with, inside the guest. Here nothing of what is
// packed is looked at.
#pragma once
#include "vmm/boot/kernel.h"
#include "vmm/boot/segment.h"

namespace krun::vmm {

bool is_bzimage(KernelHead head);
Result<LoadedKernel> load_bzimage(GuestMemory& ram, BorrowedFd file);

}  // namespace krun::vmm
