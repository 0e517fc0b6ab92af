// SPDX-License-Identifier: Apache-2.0
// Reads registers of the entropy device in slot 1 and acknowledges used buffers, a thousand times each, and reports how
// often it read what it should; then tries to write what can only be read.
#include "guest.h"
GUEST_ENTRY;

void guest_main(uint64_t boot_params) {
    (void)boot_params;
    uint64_t const at = device(1);
    uint32_t right = 0;
    for (unsigned i = 0; i < 1000; ++i) {
        right += read32(at) == 0x74726976u && read32(at + 8) == 4 && read32(at + 0x60) == 0;
        write32(at + 0x64, 1);
    }
    report(right);
    write32(at, 0);
    report(read32(at));
    triple_fault();
}
