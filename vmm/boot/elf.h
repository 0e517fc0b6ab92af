// SPDX-License-Identifier: Apache-2.0
// Loads an uncompressed ELF kernel (System V gABI, chapters 4 and 5) at the physical addresses of its PT_LOAD
// segments. Whole pages are mapped from the file, not copied: pages that the guest does not write stay shared
// with the page cache. The file is the operator's, but nothing in it is believed.
#pragma once
#include "base/error.h"
#include "base/unique_fd.h"
#include "vmm/memory/guest_memory.h"

namespace krun::vmm {

// Returns the entry point, which lies in a loaded segment. kInvalidConfig names the rule a bad file breaks.
// REQUIRES: `ram` is zero at and above layout::kHighRamBegin.
Result<GuestAddr> load_elf(GuestMemory& ram, BorrowedFd file);

}  // namespace krun::vmm
