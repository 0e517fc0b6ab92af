// SPDX-License-Identifier: Apache-2.0
// Halts for ever: interrupts are off since the start.
#include "guest.h"
GUEST_ENTRY;

void guest_main(uint64_t boot_params) {
    (void)boot_params;
    while (1) __asm__ volatile("hlt");
}
