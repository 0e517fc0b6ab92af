// SPDX-License-Identifier: Apache-2.0
// Requests of a disk (§5.2.6).
#include "driver.h"

struct range {
    uint64_t sector;
    uint32_t sectors, flags;
};
// `data` readable bytes behind the header, `room` writable ones before the status. Never may it succeed.
static int blk_request(struct device* d, uint32_t type, uint64_t sector, uint32_t data, uint32_t room) {
    *(uint32_t volatile*)buffer = type;
    *(uint64_t volatile*)(buffer + 8) = sector;
    status_byte = 0xff;
    part(d, 0, address(buffer), 16 + data, kNext);
    if (room > 0) part(d, 1, address(buffer) + 8192, room, kNext | kWrite);
    part(d, room > 0 ? 2 : 1, address(&status_byte), 1, kWrite);
    publish(d, 0);
    return !settle(d) || status_byte == 1 || status_byte == 2 ? kJudge : kBroken;
}
static int ranges(struct device* d, uint32_t type, struct range range, unsigned count) {
    for (unsigned i = 0; i < count; ++i) ((struct range volatile*)(buffer + 16))[i] = range;
    return blk_request(d, type, 0, count * sizeof range, 0);
}
static uint64_t capacity(struct device* d) {
    return read32(d->at + 0x100);
}
int sector_past_the_end(struct device* d) {
    return blk_request(d, 0, capacity(d), 0, 512);
}
int sector_is_the_largest(struct device* d) {
    return blk_request(d, 0, ~0ull, 0, 512);
}
int sector_that_wraps_in_bytes(struct device* d) {
    return blk_request(d, 0, 1ull << 55, 0, 512);
}
int read_across_the_end(struct device* d) {
    return blk_request(d, 0, capacity(d) - 1, 0, 1024);
}
int write_across_the_end(struct device* d) {
    return blk_request(d, 1, capacity(d) - 1, 1024, 0);
}
int part_of_a_sector(struct device* d) {
    return blk_request(d, 0, 0, 0, 511) | blk_request(d, 1, 0, 513, 0);
}
int unknown_request(struct device* d) {
    return blk_request(d, 0x12345678, 0, 0, 512);
}
int header_is_cut_short(struct device* d) {
    part(d, 0, address(buffer), 15, kNext);
    part(d, 1, address(&status_byte), 1, kWrite);
    status_byte = 0xff;
    publish(d, 0);
    return !settle(d) || status_byte == 1 ? kJudge : kBroken;
}
int no_room_for_a_status(struct device* d) {
    part(d, 0, address(buffer), 16, 0);
    publish(d, 0);
    return kJudge;
}
int serial_without_room(struct device* d) {
    *(uint32_t volatile*)buffer = 8;
    part(d, 0, address(buffer), 16, kNext);
    part(d, 1, address(&status_byte), 1, kWrite);
    publish(d, 0);
    return kJudge;
}
int discard_of_nothing(struct device* d) {
    return ranges(d, 11, (struct range){0, 8, 0}, 0);
}
int discard_past_the_end(struct device* d) {
    return ranges(d, 11, (struct range){capacity(d), 8, 0}, 1);
}
int discard_with_flags(struct device* d) {
    return ranges(d, 11, (struct range){0, 8, 1}, 1) | ranges(d, 11, (struct range){0, 8, ~0u}, 1);
}
int zeroes_that_wrap(struct device* d) {
    return ranges(d, 13, (struct range){~0ull - 7, 16, 1}, 1) | ranges(d, 13, (struct range){8, ~0u, 0}, 1);
}
int too_many_ranges(struct device* d) {
    return ranges(d, 11, (struct range){0, 8, 0}, 200);
}
