// SPDX-License-Identifier: Apache-2.0
// Says that it runs, then never leaves on its own.
#include "guest.h"
GUEST_ENTRY;

void guest_main(uint64_t boot_params) {
    (void)boot_params;
    report(1);
    while (1) {
    }
}
