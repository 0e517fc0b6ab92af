// SPDX-License-Identifier: Apache-2.0
// A guest that breaks one rule of one device (virtio-v1.2 §2, §4.2, §5), and then sees what is left: whether the
// device goes on, or asks for a reset and works after one, and whether the others have noticed anything. The
// device in slot 0 says which case it is and takes the verdict.
#include "../vmm/guest/guest.h"
#include "cases.h"
GUEST_ENTRY;

enum { kSize = 16, kQueues = 3, kNext = 1, kWrite = 2, kIndirect = 4 };
enum { kNeedsReset = 64, kRunning = 15 };
// What a case's function has seen by itself; otherwise the device is judged by what it does next.
enum { kJudge, kRefused, kBroken };
#define kRamEnd 0x4000000u

struct descriptor {
    uint64_t addr;
    uint32_t len;
    uint16_t flags, next;
};
struct ring {
    uint16_t next;  // what available[1] is when all is well; before what devices are made to write over
    struct descriptor table[kSize] __attribute__((aligned(16)));
    volatile uint16_t available[2 + kSize + 2] __attribute__((aligned(16)));
    volatile uint16_t used[2 + 4 * kSize + 2] __attribute__((aligned(16)));
} __attribute__((aligned(4096)));
static struct ring rings[kQueues];
static volatile uint8_t buffer[4 * 4096] __attribute__((aligned(4096)));
static volatile uint8_t status_byte;
static struct descriptor indirect[64] __attribute__((aligned(16)));

struct device {
    uint64_t at;
    uint32_t id;
    uint32_t queue;  // the one that takes requests
};

static uint64_t address(void const volatile* p) {
    return (uint64_t)p;
}
static uint32_t status(struct device* d) {
    return read32(d->at + 0x70);
}
static void set_status(struct device* d, uint32_t value) {
    write32(d->at + 0x70, value);
}
static void notify(struct device* d) {
    write32(d->at + 0x50, d->queue);
}
static struct ring* ring(struct device* d) {
    return &rings[d->queue];
}

// --- a driver that keeps the rules

static void offer_features(struct device* d, uint32_t low, uint32_t high) {
    write32(d->at + 0x24, 0);
    write32(d->at + 0x20, low);
    write32(d->at + 0x24, 1);
    write32(d->at + 0x20, high);
}
static uint32_t own_features(struct device* d) {
    return (1u << 28) | (d->id == 5 ? 1u << 5 : 0);  // indirect tables; the balloon's reports
}
static void begin(struct device* d) {
    set_status(d, 0);
    set_status(d, 1);
    set_status(d, 3);
}
static void agree(struct device* d) {
    begin(d);
    offer_features(d, own_features(d), 1);
    set_status(d, 11);
}
static void write_address(uint64_t at, uint64_t value) {
    write32(at, (uint32_t)value);
    write32(at + 4, (uint32_t)(value >> 32));
}
static void place(struct device* d, uint32_t size, uint64_t table, uint64_t available, uint64_t used) {
    write32(d->at + 0x30, d->queue);
    write32(d->at + 0x38, size);
    write_address(d->at + 0x80, table);
    write_address(d->at + 0x90, available);
    write_address(d->at + 0xa0, used);
    write32(d->at + 0x44, 1);
}
static void clear(struct ring* r) {
    for (uint64_t volatile* p = (uint64_t volatile*)r; (char*)p < (char*)r->used + sizeof r->used; ++p) *p = 0;
}
static void place_rings(struct device* d) {
    struct ring* r = ring(d);
    clear(r);
    place(d, kSize, address(r->table), address(r->available), address(r->used));
}
static void bring_up(struct device* d) {
    agree(d);
    place_rings(d);
    set_status(d, kRunning);
}

static void part(struct device* d, unsigned i, uint64_t addr, uint32_t len, unsigned flags) {
    struct descriptor volatile* t = &ring(d)->table[i];
    t->addr = addr;
    t->len = len;
    t->flags = (uint16_t)flags;
    t->next = (uint16_t)(i + 1);
}
static void publish(struct device* d, uint16_t head) {
    struct ring* r = ring(d);
    r->available[2 + r->next % kSize] = head;
    ++r->next;
    __asm__ volatile("" ::: "memory");
    r->available[1] = r->next;
    notify(d);
}
// What the device is there for, in descriptors from 0 on.
static void good_request(struct device* d) {
    for (unsigned i = 0; i < 16; ++i) buffer[i] = 0;
    status_byte = 0xff;
    switch (d->id) {
        case 2:  // read sector 0
            part(d, 0, address(buffer), 16, kNext);
            part(d, 1, address(buffer + 4096), 512, kNext | kWrite);
            part(d, 2, address(&status_byte), 1, kWrite);
            return;
        case 3:
            part(d, 0, address(buffer), 4, 0);
            return;
        default:
            part(d, 0, address(buffer + 4096), 4096, kWrite);
    }
}
// Until all that was published is back, or the device gives up.
static int settle(struct device* d) {
    struct ring* r = ring(d);
    for (unsigned i = 0; i < 1000000; ++i) {
        if ((status(d) & kNeedsReset) != 0) return 0;
        if (r->used[1] == r->next) return 1;
    }
    return 0;
}
static int works(struct device* d) {
    good_request(d);
    publish(d, 0);
    return settle(d) && (d->id != 2 || status_byte == 0);
}
static int refused(int yes) {
    return yes ? kRefused : kBroken;
}

// --- registers

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
static int magic_is_written(struct device* d) {
    for (unsigned at = 0; at < 16; at += 4) write32(d->at + at, 0x12345678);
    return read32(d->at) == 0x74726976 ? kJudge : kBroken;
}
static int every_register_is_written_as_bytes(struct device* d) {
    access_all(d, 1, 0, 0);
    return kJudge;
}
// Status is one of them.
static int every_register_is_written_as_words(struct device* d) {
    access_all(d, 4, 0, 0);
    bring_up(d);
    access_all(d, 2, 0, 0);
    return kJudge;
}
static int every_register_is_written_as_quads(struct device* d) {
    access_all(d, 8, 0, 0);
    return kJudge;
}
static int every_register_is_written_misaligned(struct device* d) {
    for (unsigned shift = 1; shift < 4; ++shift) access_all(d, 4, shift, 0);
    return kJudge;
}
static int every_register_is_read_in_every_width(struct device* d) {
    for (unsigned width = 1; width <= 8; width *= 2) access_all(d, width, 0, 1);
    return kJudge;
}
static int last_bytes_of_the_page(struct device* d) {
    for (unsigned at = 0xfe0; at < 0x1000; at += 4) write32(d->at + at, read32(d->at + at) + 1);
    (void)*(uint64_t volatile*)(d->at + 0xffc);  // half of it is the next device's
    return kJudge;
}
static int undefined_registers_are_written(struct device* d) {
    for (unsigned at = 0xa8; at < 0x100; at += 4) write32(d->at + at, ~0u);
    return kJudge;
}
static int configuration_is_overwritten(struct device* d) {
    for (unsigned at = 0x100; at < 0x200; at += 4) write32(d->at + at, ~0u);
    return kJudge;
}
static int configuration_is_read_past_its_end(struct device* d) {
    uint32_t sum = 0;
    for (unsigned at = 0x200; at < 0x400; at += 4) sum |= read32(d->at + at);
    return sum == 0 ? kJudge : kBroken;
}
static int interrupt_is_acknowledged_for_nothing(struct device* d) {
    for (unsigned bit = 0; bit < 32; ++bit) write32(d->at + 0x64, 1u << bit);
    return read32(d->at + 0x60) == 0 ? kJudge : kBroken;
}
static int selectors_out_of_range(struct device* d) {
    write32(d->at + 0x14, 77);
    if (read32(d->at + 0x10) != 0) return kBroken;
    write32(d->at + 0x30, 0xffff);
    if (read32(d->at + 0x34) != 0 || read32(d->at + 0x44) != 0) return kBroken;
    write32(d->at + 0x44, 1);
    write32(d->at + 0x38, 8);
    return kJudge;
}
static int shared_memory_that_is_not_there(struct device* d) {
    write32(d->at + 0xac, 3);
    return read32(d->at + 0xb0) == ~0u && read32(d->at + 0xb4) == ~0u ? kJudge : kBroken;
}

// --- the state machine

static int driver_ok_without_features_ok(struct device* d) {
    begin(d);
    set_status(d, 7);
    return refused((status(d) & 4) == 0);
}
static int features_ok_without_driver(struct device* d) {
    set_status(d, 0);
    set_status(d, 1);
    offer_features(d, 0, 1);
    set_status(d, 9);
    return refused((status(d) & 8) == 0);
}
static int driver_without_acknowledge(struct device* d) {
    set_status(d, 0);
    set_status(d, 2);
    return refused(status(d) == 0);
}
static int a_bit_is_taken_back(struct device* d) {
    bring_up(d);
    set_status(d, 13);
    set_status(d, 8);
    return status(d) == kRunning ? kJudge : kBroken;
}
static int driver_has_failed(struct device* d) {
    begin(d);
    offer_features(d, 0, 1);
    set_status(d, 3 | 128);
    set_status(d, 11 | 128);
    return refused((status(d) & 8) == 0);
}
static int all_bits_at_once(struct device* d) {
    set_status(d, 0);
    set_status(d, 0xff);
    return refused(status(d) == 0);
}
static int needs_reset_is_written(struct device* d) {
    bring_up(d);
    set_status(d, kRunning | kNeedsReset);
    return status(d) == kRunning ? kJudge : kBroken;
}
static int legacy_driver(struct device* d) {
    begin(d);
    offer_features(d, 0, 0);
    set_status(d, 11);
    return refused((status(d) & 8) == 0);
}
static int features_that_were_not_offered(struct device* d) {
    for (unsigned bit = 0; bit < 64; ++bit) {
        write32(d->at + 0x14, bit / 32);
        if ((read32(d->at + 0x10) >> bit % 32 & 1) != 0) continue;
        begin(d);
        offer_features(d, bit < 32 ? 1u << bit : 0, 1 | (bit < 32 ? 0 : 1u << (bit - 32)));
        set_status(d, 11);
        if ((status(d) & 8) != 0) return kBroken;
    }
    return kRefused;
}
static int features_beyond_64(struct device* d) {
    begin(d);
    offer_features(d, 0, 1);
    write32(d->at + 0x24, 2);
    write32(d->at + 0x20, 1);
    set_status(d, 11);
    return refused((status(d) & 8) == 0);
}
static int features_after_features_ok(struct device* d) {
    agree(d);
    offer_features(d, ~0u, ~0u);
    place_rings(d);
    set_status(d, kRunning);
    return kJudge;
}
static int driver_ok_twice(struct device* d) {
    bring_up(d);
    set_status(d, kRunning);
    return kJudge;
}
static int reset_storm(struct device* d) {
    for (unsigned i = 0; i < 50; ++i) {
        bring_up(d);
        set_status(d, 0);
    }
    bring_up(d);
    return kJudge;
}
static int reset_with_a_request_in_the_queue(struct device* d) {
    for (unsigned i = 0; i < 20; ++i) {
        bring_up(d);
        good_request(d);
        publish(d, 0);
    }
    bring_up(d);
    return kJudge;
}
static int notify_before_driver_ok(struct device* d) {
    agree(d);
    place_rings(d);
    for (unsigned i = 0; i < 10; ++i) notify(d);
    set_status(d, kRunning);
    return kJudge;
}
static int notify_after_reset(struct device* d) {
    bring_up(d);
    set_status(d, 0);
    ring(d)->available[1] = 5;
    for (unsigned i = 0; i < 10; ++i) notify(d);
    bring_up(d);
    return kJudge;
}
static int no_queue_at_all(struct device* d) {
    agree(d);
    set_status(d, kRunning);
    for (unsigned i = 0; i < 10; ++i) notify(d);
    if (status(d) != kRunning) return kBroken;
    bring_up(d);
    return kJudge;
}

// --- queues that cannot be

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
static int size_is_0(struct device* d) {
    return of_size(d, 0);
}
static int size_is_3(struct device* d) {
    return of_size(d, 3);
}
static int size_beyond_the_limit(struct device* d) {
    write32(d->at + 0x30, d->queue);
    uint32_t const size = 2 * read32(d->at + 0x34);
    return placed(d, size, 0x1000000, 0x1400000, 0x1800000);
}
static int size_is_65536(struct device* d) {
    return of_size(d, 65536 + kSize);
}
static int size_is_huge(struct device* d) {
    return of_size(d, 0x80000000u);
}
static int at_offsets(struct device* d, uint64_t table, uint64_t available, uint64_t used) {
    struct ring* r = ring(d);
    return placed(d, kSize, address(r->table) + table, address(r->available) + available, address(r->used) + used);
}
static int descriptors_misaligned(struct device* d) {
    return at_offsets(d, 8, 0, 0);
}
static int available_misaligned(struct device* d) {
    return at_offsets(d, 0, 1, 0);
}
static int used_misaligned(struct device* d) {
    return at_offsets(d, 0, 0, 2);
}
static int descriptors_outside_ram(struct device* d) {
    struct ring* r = ring(d);
    return placed(d, kSize, kRamEnd, address(r->available), address(r->used));
}
static int available_outside_ram(struct device* d) {
    struct ring* r = ring(d);
    return placed(d, kSize, address(r->table), kRamEnd, address(r->used));
}
static int used_outside_ram(struct device* d) {
    struct ring* r = ring(d);
    return placed(d, kSize, address(r->table), address(r->available), kRamEnd);
}
static int used_across_the_end_of_ram(struct device* d) {
    struct ring* r = ring(d);
    return placed(d, kSize, address(r->table), address(r->available), kRamEnd - 64);
}
static int descriptors_at_the_top_of_everything(struct device* d) {
    struct ring* r = ring(d);
    return placed(d, kSize, ~0ull - 15, address(r->available), address(r->used));
}
static int rings_in_the_device_window(struct device* d) {
    return placed(d, kSize, d->at, d->at + 0x400, d->at + 0x800);
}
static int available_in_descriptors(struct device* d) {
    struct ring* r = ring(d);
    return placed(d, kSize, address(r->table), address(r->table) + 16, address(r->used));
}
static int all_rings_in_one_place(struct device* d) {
    struct ring* r = ring(d);
    return placed(d, kSize, address(r->table), address(r->table), address(r->table));
}
static int moved_while_ready(struct device* d) {
    agree(d);
    place_rings(d);
    write_address(d->at + 0x80, kRamEnd);
    write32(d->at + 0x38, 0);
    set_status(d, kRunning);
    return kJudge;
}
static int moved_while_running(struct device* d) {
    bring_up(d);
    place(d, 0x8000, kRamEnd, kRamEnd, kRamEnd);
    return kJudge;
}
static int taken_back_while_running(struct device* d) {
    bring_up(d);
    write32(d->at + 0x30, d->queue);
    write32(d->at + 0x44, 0);
    return kJudge;
}

// --- what is in a queue; the device runs

// One part that the device may write, or read where it takes nothing else.
static unsigned usual(struct device* d) {
    return d->id == 3 || d->id == 2 ? 0 : kWrite;
}
static int one_part(struct device* d, uint64_t addr, uint32_t len) {
    part(d, 0, addr, len, usual(d));
    publish(d, 0);
    return kJudge;
}
static int address_outside_ram(struct device* d) {
    return one_part(d, kRamEnd, 16);
}
static int address_in_the_device_window(struct device* d) {
    return one_part(d, d->at, 16);
}
static int address_wraps(struct device* d) {
    return one_part(d, ~0ull - 7, 16);
}
static int part_across_the_end_of_ram(struct device* d) {
    return one_part(d, kRamEnd - 8, 16);
}
static int part_as_long_as_everything(struct device* d) {
    return one_part(d, 0, ~0u);
}
static int part_is_empty(struct device* d) {
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
static int next_past_the_table(struct device* d) {
    return chained(d, 0xffff, 0);
}
static int chain_bites_itself(struct device* d) {
    return chained(d, 0, 0);
}
static int chain_of_two_in_a_loop(struct device* d) {
    return chained(d, 1, 0);
}
static int head_past_the_table(struct device* d) {
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
static int index_jumps_past_the_queue(struct device* d) {
    return index_is(d, kSize + 1);
}
static int index_jumps_half_way_round(struct device* d) {
    return index_is(d, 0x8000);
}
static int index_goes_back(struct device* d) {
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
static int indirect_table_is_empty(struct device* d) {
    table_of(d, address(indirect), 0, 0);
    publish(d, 0);
    return kJudge;
}
static int indirect_table_of_15_bytes(struct device* d) {
    table_of(d, address(indirect), 15, 0);
    publish(d, 0);
    return kJudge;
}
static int indirect_table_in_another(struct device* d) {
    table_of(d, address(indirect), 32, 0);
    indirect[0].flags = kIndirect;
    indirect[0].len = 16;
    publish(d, 0);
    return kJudge;
}
static int indirect_table_and_next(struct device* d) {
    table_of(d, address(indirect), 32, kNext);
    publish(d, 0);
    return kJudge;
}
static int indirect_table_outside_ram(struct device* d) {
    table_of(d, kRamEnd - 16, 32, 0);
    publish(d, 0);
    return kJudge;
}
static int indirect_table_longer_than_the_queue(struct device* d) {
    table_of(d, address(indirect), sizeof indirect, 0);
    publish(d, 0);
    return kJudge;
}
static int indirect_table_is_itself(struct device* d) {
    table_of(d, address(indirect), 16, 0);
    indirect[0].addr = address(indirect);
    indirect[0].len = 16;
    indirect[0].flags = kIndirect;
    publish(d, 0);
    return kJudge;
}
static int readable_after_writable(struct device* d) {
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
static int nothing_is_writable(struct device* d) {
    return all_of(d, 0, 2);
}
static int everything_is_writable(struct device* d) {
    return all_of(d, kWrite, 2);
}
static int unknown_flags(struct device* d) {
    good_request(d);
    for (unsigned i = 0; i < 3; ++i) ring(d)->table[i].flags = (uint16_t)(ring(d)->table[i].flags | 0xfff8);
    publish(d, 0);
    return kJudge;
}
static int as_many_parts_as_descriptors(struct device* d) {
    return all_of(d, usual(d), kSize);
}
static int buffer_is(struct device* d, uint64_t addr) {
    good_request(d);
    unsigned const which = d->id == 2 ? 1 : 0;
    ring(d)->table[which].addr = addr;
    ring(d)->table[which].len = d->id == 2 ? 512 : 64;
    publish(d, 0);
    return kJudge;
}
static int buffer_is_the_used_ring(struct device* d) {
    return buffer_is(d, address(ring(d)->used));
}
static int buffer_is_the_descriptor_table(struct device* d) {
    return buffer_is(d, address(ring(d)->table));
}
static int used_ring_is_overwritten(struct device* d) {
    for (unsigned turn = 0; turn < 3; ++turn) {
        for (unsigned i = 0; i < 2 + 4 * kSize; ++i) ring(d)->used[i] = 0xaaaa;
        if (!works(d)) return kBroken;
    }
    return kJudge;
}
static int notify_with_nothing_to_do(struct device* d) {
    for (unsigned i = 0; i < 10; ++i) notify(d);
    return kJudge;
}
static int notify_of_queues_that_are_not_there(struct device* d) {
    for (unsigned bit = 0; bit < 32; ++bit) write32(d->at + 0x50, 1u << bit);
    return kJudge;
}
static int notify_storm(struct device* d) {
    good_request(d);
    for (unsigned i = 0; i < 10; ++i) {
        publish(d, 0);
        for (unsigned j = 0; j < 50; ++j) notify(d);
        if (!settle(d)) return kBroken;
    }
    return kJudge;
}

// --- blk

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
    part(d, 1, address(buffer) + 8192, room, kNext | kWrite);
    part(d, 2, address(&status_byte), 1, kWrite);
    publish(d, 0);
    return settle(d) && (status_byte == 1 || status_byte == 2) ? kJudge : kBroken;
}
static int ranges(struct device* d, uint32_t type, struct range range, unsigned count) {
    for (unsigned i = 0; i < count; ++i) ((struct range volatile*)(buffer + 16))[i] = range;
    return blk_request(d, type, 0, count * sizeof range, 0);
}
static uint64_t capacity(struct device* d) {
    return read32(d->at + 0x100);
}
static int sector_past_the_end(struct device* d) {
    return blk_request(d, 0, capacity(d), 0, 512);
}
static int sector_is_the_largest(struct device* d) {
    return blk_request(d, 0, ~0ull, 0, 512);
}
static int sector_that_wraps_in_bytes(struct device* d) {
    return blk_request(d, 0, 1ull << 55, 0, 512);
}
static int read_across_the_end(struct device* d) {
    return blk_request(d, 0, capacity(d) - 1, 0, 1024);
}
static int write_across_the_end(struct device* d) {
    return blk_request(d, 1, capacity(d) - 1, 1024, 0);
}
static int part_of_a_sector(struct device* d) {
    return blk_request(d, 0, 0, 0, 511) | blk_request(d, 1, 0, 513, 0);
}
static int unknown_request(struct device* d) {
    return blk_request(d, 0x12345678, 0, 0, 512);
}
static int header_is_cut_short(struct device* d) {
    part(d, 0, address(buffer), 15, kNext);
    part(d, 1, address(&status_byte), 1, kWrite);
    status_byte = 0xff;
    publish(d, 0);
    return settle(d) && status_byte == 1 ? kJudge : kBroken;
}
static int no_room_for_a_status(struct device* d) {
    part(d, 0, address(buffer), 16, 0);
    publish(d, 0);
    return kJudge;
}
static int serial_without_room(struct device* d) {
    *(uint32_t volatile*)buffer = 8;
    part(d, 0, address(buffer), 16, kNext);
    part(d, 1, address(&status_byte), 1, kWrite);
    publish(d, 0);
    return kJudge;
}
static int discard_of_nothing(struct device* d) {
    return ranges(d, 11, (struct range){0, 8, 0}, 0);
}
static int discard_past_the_end(struct device* d) {
    return ranges(d, 11, (struct range){capacity(d), 8, 0}, 1);
}
static int discard_with_flags(struct device* d) {
    return ranges(d, 11, (struct range){0, 8, 1}, 1) | ranges(d, 11, (struct range){0, 8, ~0u}, 1);
}
static int zeroes_that_wrap(struct device* d) {
    return ranges(d, 13, (struct range){~0ull - 7, 16, 1}, 1) | ranges(d, 13, (struct range){8, ~0u, 0}, 1);
}
static int too_many_ranges(struct device* d) {
    return ranges(d, 11, (struct range){0, 8, 0}, 200);
}

// --- balloon, rng, console

static int report_of_half_a_page(struct device* d) {
    buffer[4096 + 100] = 7;
    part(d, 0, address(buffer) + 4096, 2048, kWrite);
    publish(d, 0);
    return settle(d) && buffer[4096 + 100] == 7 ? kJudge : kBroken;
}
static int report_of_the_rings_themselves(struct device* d) {
    struct ring* r = ring(d);
    part(d, 0, address(r), 4096, kWrite);
    publish(d, 0);
    for (unsigned i = 0; i < 1000000 && r->used[1] != 1; ++i) (void)status(d);
    notify(d);  // its rings are zeros now
    return kJudge;
}
static int report_that_can_only_be_read(struct device* d) {
    buffer[4096] = 7;
    part(d, 0, address(buffer) + 4096, 4096, 0);
    publish(d, 0);
    return settle(d) && buffer[4096] == 7 ? kJudge : kBroken;
}
// A chain on a queue that takes no requests; the device judges it beside the one that does.
static int on_other_queue(struct device* d, uint32_t other, uint32_t len) {
    uint32_t const requests = d->queue;
    agree(d);
    place_rings(d);
    d->queue = other;
    place_rings(d);
    set_status(d, kRunning);
    part(d, 0, address(buffer), len, 0);
    publish(d, 0);
    d->queue = requests;
    return kJudge;
}
static int inflation_with_any_number(struct device* d) {
    for (unsigned i = 0; i < 64; ++i) ((uint32_t volatile*)buffer)[i] = i * 0x4000001u;
    return on_other_queue(d, 0, 256);
}
static int more_than_anybody_needs(struct device* d) {
    part(d, 0, 0x1000000, 0x2000000, kWrite);
    publish(d, 0);
    return kJudge;
}
static int the_same_page_many_times(struct device* d) {
    for (unsigned i = 0; i < kSize; ++i)
        part(d, i, address(buffer) + 4096, 4096, kWrite | (i + 1 < kSize ? kNext : 0));
    publish(d, 0);
    return kJudge;
}
static int output_without_end(struct device* d) {
    part(d, 0, 0x1000000, 0x2000000, 0);
    publish(d, 0);
    return kJudge;
}
static int input_buffer_that_can_only_be_read(struct device* d) {
    return on_other_queue(d, 0, 64);
}

// --- the verdict

struct hostile_case {
    uint32_t id;  // of the device
    int runs;     // when the function is called
    int (*function)(struct device*);
};
enum { area_mmio = 1, area_state = 0, area_setup = 0, area_queue = 1, area_blk = 1, area_balloon = 1, area_rng = 1, area_console = 1 };
enum { id_rng = 4, id_console = 3, id_blk = 2, id_balloon = 5 };
#define ON(area, function, id) {id, area_##area, function},
#define ON_ALL(area, function, expected)                                                            \
    ON(area, function, id_rng) ON(area, function, id_console) ON(area, function, id_blk) ON(area, function, id_balloon)
#define ON_ITS_OWN(area, function, expected) ON(area, function, id_##area)
static struct hostile_case const cases[] = {HOSTILE_CASES(ON_ALL) HOSTILE_OWN_CASES(ON_ITS_OWN)};

static struct device find(uint32_t id) {
    uint32_t const queue = id == 5 ? 2 : id == 3 ? 1 : 0;
    for (unsigned slot = 1; slot < 16; ++slot)
        if (read32(device(slot) + 8) == id) return (struct device){device(slot), id, queue};
    return (struct device){device(15), id, queue};
}

static uint32_t judge(struct device* d, int seen) {
    if (seen == kBroken) return FAIL;
    if (seen == kRefused) return REJECT;
    if (settle(d) && works(d)) return PASS;
    return (status(d) & kNeedsReset) != 0 ? REJECT : WEDGED;
}

void guest_main(uint64_t boot_params) {
    (void)boot_params;
    static uint32_t const all[] = {id_rng, id_console, id_blk, id_balloon};
    struct hostile_case const* one = &cases[read32(device(0) + 0x100)];
    struct device d = find(one->id);
    if (one->runs) bring_up(&d);
    uint32_t verdict = judge(&d, one->function(&d));
    bring_up(&d);
    if (!works(&d)) verdict |= WEDGED;
    set_status(&d, 0);
    for (unsigned i = 0; i < 4; ++i) {
        struct device other = find(all[i]);
        bring_up(&other);
        if (!works(&other)) verdict |= FAIL;
        set_status(&other, 0);
    }
    report(verdict);
    triple_fault();
}
