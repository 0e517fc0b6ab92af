// SPDX-License-Identifier: Apache-2.0
// A virtio driver for the entropy device in slot 1 (virtio-v1.2 §3.1, §4.2.3): initialises it, asks for 32 bytes
// twice, resets it, and reports each step.
#include "guest.h"
GUEST_ENTRY;

enum { kSize = 8 };
struct descriptor {
    uint64_t addr;
    uint32_t len;
    uint16_t flags, next;
};
static struct descriptor table[kSize] __attribute__((aligned(16)));
static volatile uint16_t available[2 + kSize + 1] __attribute__((aligned(4)));
static volatile uint32_t used[1 + 2 * kSize + 1];
static volatile uint64_t entropy[4];

static void set_up(uint64_t at) {
    write32(at + 0x70, 0);
    write32(at + 0x70, 1);
    write32(at + 0x70, 3);
    write32(at + 0x24, 1);
    write32(at + 0x20, 1);  // VIRTIO_F_VERSION_1
    write32(at + 0x70, 11);
    report(read32(at + 0x70));
    write32(at + 0x30, 0);
    write32(at + 0x38, kSize);
    write32(at + 0x80, (uint32_t)(uint64_t)table);
    write32(at + 0x90, (uint32_t)(uint64_t)available);
    write32(at + 0xa0, (uint32_t)(uint64_t)used);
    write32(at + 0x44, 1);
    write32(at + 0x70, 15);
    report(read32(at + 0x70));
}

static void ask(uint64_t at, uint16_t turn) {
    entropy[0] = entropy[1] = entropy[2] = entropy[3] = 0;
    table[0].addr = (uint64_t)entropy;
    table[0].len = sizeof entropy;
    table[0].flags = 2;  // the device writes
    available[2 + turn % kSize] = 0;
    available[1] = (uint16_t)(turn + 1);
    write32(at + 0x50, 0);
    while ((uint16_t)(used[0] >> 16) != (uint16_t)(turn + 1)) {
    }
    report(used[1 + 2 * (turn % kSize) + 1]);
    report((entropy[0] | entropy[1] | entropy[2] | entropy[3]) != 0);
}

void guest_main(uint64_t boot_params) {
    (void)boot_params;
    uint64_t const at = device(1);
    report(read32(at));  // "virt"
    report(read32(at + 8));
    set_up(at);
    ask(at, 0);
    ask(at, 1);
    report(read32(at + 0x60));  // used buffers wait to be acknowledged
    write32(at + 0x64, 1);
    report(read32(at + 0x60));
    write32(at + 0x70, 0);
    report(read32(at + 0x70));
    triple_fault();
}
