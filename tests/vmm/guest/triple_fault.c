// SPDX-License-Identifier: Apache-2.0
// Ends at once.
#include "guest.h"
GUEST_ENTRY;

void guest_main(uint64_t boot_params) {
    (void)boot_params;
    triple_fault();
}
