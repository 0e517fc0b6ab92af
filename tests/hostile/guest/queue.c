// SPDX-License-Identifier: Apache-2.0
// What is in a queue; the device runs (§2.7).
#include "driver.h"

static struct descriptor indirect[64] __attribute__((aligned(16)));

static int one_part(struct device* d, uint64_t addr, uint32_t len) {
    return one(d, addr, len, usual(d));
}
int address_outside_ram(struct device* d) {
    return one_part(d, kRamEnd, 16);
}
int address_in_the_device_window(struct device* d) {
    return one_part(d, d->at, 16);
}
int address_wraps(struct device* d) {
    return one_part(d, ~0ull - 7, 16);
}
int part_across_the_end_of_ram(struct device* d) {
    return one_part(d, kRamEnd - 8, 16);
}
int part_as_long_as_everything(struct device* d) {
    return one_part(d, 0, ~0u);
}
int part_is_empty(struct device* d) {
    return one_part(d, address(buffer), 0);
}
static int chained(struct device* d, uint16_t first_next, uint16_t second_next) {
    part(d, 0, address(buffer), 16, usual(d) | kNext);
    part(d, 1, address(buffer) + 16, 16, usual(d) | kNext);
    ring(d)->table[0].next = first_next;
    ring(d)->table[1].next = second_next;
    publish(d, 0);
    return kJudge;
}
int next_past_the_table(struct device* d) {
    return chained(d, 0xffff, 0);
}
int chain_bites_itself(struct device* d) {
    return chained(d, 0, 0);
}
int chain_of_two_in_a_loop(struct device* d) {
    return chained(d, 1, 0);
}
int head_past_the_table(struct device* d) {
    publish(d, kSize);
    return kJudge;
}
static int index_is(struct device* d, uint16_t index) {
    good_request(d);
    ring(d)->next = index;
    ring(d)->available[1] = index;
    notify(d);
    return kJudge;
}
int index_jumps_past_the_queue(struct device* d) {
    return index_is(d, kSize + 1);
}
int index_jumps_half_way_round(struct device* d) {
    return index_is(d, 0x8000);
}
int index_goes_back(struct device* d) {
    return index_is(d, 0xffff);
}
static int table_of(struct device* d, uint64_t addr, uint32_t len, unsigned flags) {
    for (unsigned i = 0; i < 64; ++i) {
        indirect[i].addr = address(buffer);
        indirect[i].len = 1;
        indirect[i].flags = (uint16_t)(usual(d) | (i < 63 ? kNext : 0));
        indirect[i].next = (uint16_t)(i + 1);
    }
    part(d, 0, addr, len, flags | kIndirect);
    part(d, 1, address(buffer), 16, usual(d));
    return kJudge;
}
int indirect_table_is_empty(struct device* d) {
    table_of(d, address(indirect), 0, 0);
    publish(d, 0);
    return kJudge;
}
int indirect_table_of_15_bytes(struct device* d) {
    table_of(d, address(indirect), 15, 0);
    publish(d, 0);
    return kJudge;
}
int indirect_table_in_another(struct device* d) {
    table_of(d, address(indirect), 32, 0);
    indirect[0].flags = kIndirect;
    indirect[0].len = 16;
    publish(d, 0);
    return kJudge;
}
int indirect_table_and_next(struct device* d) {
    table_of(d, address(indirect), 32, kNext);
    publish(d, 0);
    return kJudge;
}
int indirect_table_outside_ram(struct device* d) {
    table_of(d, kRamEnd - 16, 32, 0);
    publish(d, 0);
    return kJudge;
}
int indirect_table_longer_than_the_queue(struct device* d) {
    table_of(d, address(indirect), sizeof indirect, 0);
    publish(d, 0);
    return kJudge;
}
int indirect_table_is_itself(struct device* d) {
    table_of(d, address(indirect), 16, 0);
    indirect[0].addr = address(indirect);
    indirect[0].len = 16;
    indirect[0].flags = kIndirect;
    publish(d, 0);
    return kJudge;
}
int readable_after_writable(struct device* d) {
    part(d, 0, address(buffer), 16, kWrite | kNext);
    part(d, 1, address(buffer) + 16, 16, 0);
    publish(d, 0);
    return kJudge;
}
static int all_of(struct device* d, unsigned flags, unsigned parts) {
    for (unsigned i = 0; i < parts; ++i)
        part(d, i, address(buffer) + 64 * i, 64, flags | (i + 1 < parts ? kNext : 0));
    publish(d, 0);
    return kJudge;
}
int nothing_is_writable(struct device* d) {
    return all_of(d, 0, 2);
}
int everything_is_writable(struct device* d) {
    return all_of(d, kWrite, 2);
}
int unknown_flags(struct device* d) {
    good_request(d);
    for (unsigned i = 0; i < 3; ++i) ring(d)->table[i].flags = (uint16_t)(ring(d)->table[i].flags | 0xfff8);
    publish(d, 0);
    return kJudge;
}
int as_many_parts_as_descriptors(struct device* d) {
    return all_of(d, usual(d), kSize);
}
static int buffer_is(struct device* d, uint64_t addr) {
    good_request(d);
    unsigned const which = d->id == kBlk || d->id == kFs ? 1 : 0;
    ring(d)->table[which].addr = addr;
    ring(d)->table[which].len = d->id == kBlk ? 512 : 64;
    publish(d, 0);
    return kJudge;
}
int buffer_is_the_used_ring(struct device* d) {
    return buffer_is(d, address(ring(d)->used));
}
int buffer_is_the_descriptor_table(struct device* d) {
    return buffer_is(d, address(ring(d)->table));
}
int used_ring_is_overwritten(struct device* d) {
    for (unsigned turn = 0; turn < 3; ++turn) {
        for (unsigned i = 0; i < 2 + 4 * kSize; ++i) ring(d)->used[i] = 0xaaaa;
        if (!works(d)) return kBroken;
    }
    return kJudge;
}
int notify_with_nothing_to_do(struct device* d) {
    for (unsigned i = 0; i < 10; ++i) notify(d);
    return kJudge;
}
int notify_of_queues_that_are_not_there(struct device* d) {
    for (unsigned bit = 0; bit < 32; ++bit) write32(d->at + 0x50, 1u << bit);
    return kJudge;
}
int notify_storm(struct device* d) {
    good_request(d);
    for (unsigned i = 0; i < 10; ++i) {
        publish(d, 0);
        for (unsigned j = 0; j < 50; ++j) notify(d);
        if (!settle(d)) return kBroken;
    }
    return kJudge;
}
