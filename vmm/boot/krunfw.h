// SPDX-License-Identifier: Apache-2.0
// Loads the kernel inside a libkrunfw: a shared library whose function krunfw_get_kernel(load, entry, size)
// stores three constants and returns the symbol KERNEL_BUNDLE, the kernel's memory image. Nothing of the
// library is executed: the symbol is read from its table, and the constants from the function's stores. Pages
// of the image are mapped from the file, not copied.
#pragma once
#include "vmm/boot/kernel.h"
#include "vmm/boot/segment.h"

namespace krun::vmm {

// A shared library: what has a dynamic section. A kernel has none.
bool is_shared_library(KernelHead head);
Result<LoadedKernel> load_krunfw(GuestMemory& ram, BorrowedFd file);

}  // namespace krun::vmm
