// SPDX-License-Identifier: Apache-2.0
// Queues that cannot be (§4.2.3.2, §2.7).
#include "driver.h"

static int placed(struct device* d, uint32_t size, uint64_t table, uint64_t available, uint64_t used) {
    agree(d);
    clear(ring(d));
    place(d, size, table, available, used);
    set_status(d, kRunning);
    notify(d);
    return kJudge;
}
static int of_size(struct device* d, uint32_t size) {
    struct ring* r = ring(d);
    return placed(d, size, address(r->table), address(r->available), address(r->used));
}
int size_is_0(struct device* d) {
    return of_size(d, 0);
}
int size_is_3(struct device* d) {
    return of_size(d, 3);
}
int size_beyond_the_limit(struct device* d) {
    write32(d->at + 0x30, d->queue);
    uint32_t const size = 2 * read32(d->at + 0x34);
    return placed(d, size, 0x1000000, 0x1400000, 0x1800000);
}
int size_is_65536(struct device* d) {
    return of_size(d, 65536 + kSize);
}
int size_is_huge(struct device* d) {
    return of_size(d, 0x80000000u);
}
static int at_offsets(struct device* d, uint64_t table, uint64_t available, uint64_t used) {
    struct ring* r = ring(d);
    return placed(d, kSize, address(r->table) + table, address(r->available) + available, address(r->used) + used);
}
int descriptors_misaligned(struct device* d) {
    return at_offsets(d, 8, 0, 0);
}
int available_misaligned(struct device* d) {
    return at_offsets(d, 0, 1, 0);
}
int used_misaligned(struct device* d) {
    return at_offsets(d, 0, 0, 2);
}
int descriptors_outside_ram(struct device* d) {
    struct ring* r = ring(d);
    return placed(d, kSize, kRamEnd, address(r->available), address(r->used));
}
int available_outside_ram(struct device* d) {
    struct ring* r = ring(d);
    return placed(d, kSize, address(r->table), kRamEnd, address(r->used));
}
int used_outside_ram(struct device* d) {
    struct ring* r = ring(d);
    return placed(d, kSize, address(r->table), address(r->available), kRamEnd);
}
int used_across_the_end_of_ram(struct device* d) {
    struct ring* r = ring(d);
    return placed(d, kSize, address(r->table), address(r->available), kRamEnd - 64);
}
int descriptors_at_the_top_of_everything(struct device* d) {
    struct ring* r = ring(d);
    return placed(d, kSize, ~0ull - 15, address(r->available), address(r->used));
}
int rings_in_the_device_window(struct device* d) {
    return placed(d, kSize, d->at, d->at + 0x400, d->at + 0x800);
}
int available_in_descriptors(struct device* d) {
    struct ring* r = ring(d);
    return placed(d, kSize, address(r->table), address(r->table) + 16, address(r->used));
}
int all_rings_in_one_place(struct device* d) {
    struct ring* r = ring(d);
    return placed(d, kSize, address(r->table), address(r->table), address(r->table));
}
int moved_while_ready(struct device* d) {
    agree(d);
    place_rings(d);
    write_address(d->at + 0x80, kRamEnd);
    write32(d->at + 0x38, 0);
    set_status(d, kRunning);
    return kJudge;
}
int moved_while_running(struct device* d) {
    bring_up(d);
    place(d, 0x8000, kRamEnd, kRamEnd, kRamEnd);
    return kJudge;
}
int taken_back_while_running(struct device* d) {
    bring_up(d);
    write32(d->at + 0x30, d->queue);
    write32(d->at + 0x44, 0);
    return kJudge;
}
