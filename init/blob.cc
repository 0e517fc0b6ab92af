// SPDX-License-Identifier: Apache-2.0
#include "init/blob.h"

#include <sys/mman.h>

// KRUN_INIT_FILE is the path of the stripped program, from the build. Page-aligned, as a file that is mapped
// is.
asm(".pushsection .rodata.krun_init, \"a\", @progbits\n"
    ".balign 4096\n"
    ".globl krun_init_blob_begin\n"
    "krun_init_blob_begin:\n"
    ".incbin \"" KRUN_INIT_FILE
    "\"\n"
    ".globl krun_init_blob_end\n"
    "krun_init_blob_end:\n"
    ".byte 0\n"
    ".popsection\n");

extern "C" {
extern std::byte const krun_init_blob_begin[];
extern std::byte const krun_init_blob_end[];
}

namespace krun::init {

std::span<std::byte const> init_blob() {
    return {krun_init_blob_begin, krun_init_blob_end};
}

void release_init_blob() {
    constexpr size_t kPageBytes = 4096;
    auto const blob = init_blob();
    // Whole pages: what follows the last one is somebody else's. A kernel that refuses leaves them where they
    // are.
    ::madvise(const_cast<std::byte*>(blob.data()), blob.size() & ~(kPageBytes - 1), MADV_DONTNEED);
}

}  // namespace krun::init
