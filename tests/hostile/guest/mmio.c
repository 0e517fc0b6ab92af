// SPDX-License-Identifier: Apache-2.0
// Registers (virtio-v1.2 §4.2.2).
#include "driver.h"

static void access_all(struct device* d, unsigned width, unsigned shift, int reads) {
    for (uint64_t at = d->at + shift; at + width <= d->at + 0x100; at += width) {
        uint64_t value = ~0ull;
        if (width == 1 && reads) value = *(uint8_t volatile*)at;
        if (width == 2 && reads) value = *(uint16_t volatile*)at;
        if (width == 4 && reads) value = *(uint32_t volatile*)at;
        if (width == 8 && reads) value = *(uint64_t volatile*)at;
        if (reads) continue;
        if (width == 1) *(uint8_t volatile*)at = (uint8_t)value;
        if (width == 2) *(uint16_t volatile*)at = (uint16_t)value;
        if (width == 4) *(uint32_t volatile*)at = (uint32_t)value;
        if (width == 8) *(uint64_t volatile*)at = value;
    }
}
int magic_is_written(struct device* d) {
    for (unsigned at = 0; at < 16; at += 4) write32(d->at + at, 0x12345678);
    return read32(d->at) == 0x74726976 ? kJudge : kBroken;
}
int every_register_is_written_as_bytes(struct device* d) {
    access_all(d, 1, 0, 0);
    return kJudge;
}
// Status is one of them.
int every_register_is_written_as_words(struct device* d) {
    access_all(d, 4, 0, 0);
    bring_up(d);
    access_all(d, 2, 0, 0);
    return kJudge;
}
int every_register_is_written_as_quads(struct device* d) {
    access_all(d, 8, 0, 0);
    return kJudge;
}
int every_register_is_written_misaligned(struct device* d) {
    for (unsigned shift = 1; shift < 4; ++shift) access_all(d, 4, shift, 0);
    return kJudge;
}
int every_register_is_read_in_every_width(struct device* d) {
    for (unsigned width = 1; width <= 8; width *= 2) access_all(d, width, 0, 1);
    return kJudge;
}
int last_bytes_of_the_page(struct device* d) {
    for (unsigned at = d->room - 32; at < d->room; at += 4) write32(d->at + at, read32(d->at + at) + 1);
    (void)*(uint64_t volatile*)(d->at + d->room - 4);  // half of it is the next device's
    return kJudge;
}
int undefined_registers_are_written(struct device* d) {
    for (unsigned at = 0xa8; at < 0x100; at += 4) write32(d->at + at, ~0u);
    return kJudge;
}
int configuration_is_overwritten(struct device* d) {
    for (unsigned at = 0x100; at < 0x200; at += 4) write32(d->at + at, ~0u);
    return kJudge;
}
int configuration_is_read_past_its_end(struct device* d) {
    uint32_t sum = 0;
    for (unsigned at = 0x200; at < 0x400 && at < d->room; at += 4) sum |= read32(d->at + at);
    return sum == 0 ? kJudge : kBroken;
}
int interrupt_is_acknowledged_for_nothing(struct device* d) {
    for (unsigned bit = 0; bit < 32; ++bit) write32(d->at + 0x64, 1u << bit);
    return read32(d->at + 0x60) == 0 ? kJudge : kBroken;
}
int selectors_out_of_range(struct device* d) {
    write32(d->at + 0x14, 77);
    if (read32(d->at + 0x10) != 0) return kBroken;
    write32(d->at + 0x30, 0xffff);
    if (read32(d->at + 0x34) != 0 || read32(d->at + 0x44) != 0) return kBroken;
    write32(d->at + 0x44, 1);
    write32(d->at + 0x38, 8);
    return kJudge;
}
int shared_memory_that_is_not_there(struct device* d) {
    write32(d->at + 0xac, 3);
    return read32(d->at + 0xb0) == ~0u && read32(d->at + 0xb4) == ~0u ? kJudge : kBroken;
}
