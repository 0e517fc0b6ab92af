// SPDX-License-Identifier: Apache-2.0
// A guest that breaks one rule of one device, and then sees what is left: whether the device goes on, or asks for a
// reset and works after one, and whether the others have noticed anything. The device in slot 0 says which case is
// next and takes the verdicts.
#include "driver.h"
GUEST_ENTRY;

void guest_main(uint64_t boot_params) {
    (void)boot_params;
    struct bus const bus = {device(1), 0x1000, 15};
    for (uint32_t next = read32(device(0) + 0x100); next < case_count; next = read32(device(0) + 0x100))
        report(carry_out(&cases[next], &bus));
    triple_fault();
}
