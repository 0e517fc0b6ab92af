// SPDX-License-Identifier: Apache-2.0
// Reports the state it was started in: boot_params, zeroed .bss, CPUID and what an empty address reads.
#include "guest.h"
GUEST_ENTRY;

static uint32_t zeroed[1024];
static uint32_t initialised = 0x600d;

static void cpuid(uint32_t leaf, uint32_t subleaf, uint32_t out[4]) {
    __asm__ volatile("cpuid" : "=a"(out[0]), "=b"(out[1]), "=c"(out[2]), "=d"(out[3]) : "a"(leaf), "c"(subleaf));
}

void guest_main(uint64_t boot_params) {
    uint32_t r[4], sum = 0;
    report(read32(boot_params + 0x202));  // "HdrS" (boot.rst)
    report(*(volatile uint8_t*)(boot_params + 0x1e8));
    for (unsigned i = 0; i < 1024; ++i) sum |= zeroed[i];
    report(sum);
    report(initialised);
    initialised = 0;
    report(initialised);
    cpuid(0x40000010, 0, r);
    report(r[1]);
    cpuid(6, 0, r);
    report(r[0]);
    report(read32(0xc0000000));  // nothing is there
    triple_fault();
}
