// SPDX-License-Identifier: Apache-2.0
// The initial RAM disk: as high below the kernel's limit as it fits, so that it is out of the way of what a
// kernel unpacks itself to. Its content is the guest kernel's business; its pages are mapped from the file.
#pragma once
#include "base/error.h"
#include "vmm/boot/kernel.h"

namespace krun::vmm {

// Where the file lies now. kInvalidConfig if it is empty, no regular file, does not fit between the kernel's
// end and its limit, or if the kernel's embedded configuration says that it knows of no such thing.
Result<GuestRange> load_initrd(GuestMemory& ram, BorrowedFd file, LoadedKernel const& kernel);

}  // namespace krun::vmm
