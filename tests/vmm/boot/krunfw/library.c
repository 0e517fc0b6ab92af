// SPDX-License-Identifier: Apache-2.0
// A stand-in for libkrunfw: its two symbols, with a "kernel" that begins with a word that tests look for.
#include <stddef.h>

#define KERNEL_BYTES 0x3000

__attribute__((aligned(65536))) char KERNEL_BUNDLE[KERNEL_BYTES] = "kernel";

char* krunfw_get_kernel(size_t* load_addr, size_t* entry_addr, size_t* size) {
#ifdef COMPUTES
    *load_addr = (size_t)KERNEL_BUNDLE;
#else
    *load_addr = 0x200000;
#endif
    *entry_addr = 0x200100;
    *size = KERNEL_BYTES;
    return &KERNEL_BUNDLE[0];
}
