// SPDX-License-Identifier: Apache-2.0
// Loads an uncompressed ELF kernel (System V gABI, chapters 4 and 5) at the physical addresses of its PT_LOAD
// segments. Whole pages are mapped from the file, not copied: pages that the guest does not write stay shared
// with the page cache. The file is the operator's, but nothing in it is believed.
#pragma once
#include "vmm/boot/kernel.h"
#include "vmm/boot/segment.h"

namespace krun::vmm {

bool is_elf(KernelHead head);
// The entry point lies in a loaded segment.
Result<LoadedKernel> load_elf(GuestMemory& ram, BorrowedFd file);

}  // namespace krun::vmm
