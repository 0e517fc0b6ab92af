// SPDX-License-Identifier: Apache-2.0
#include "driver.h"

static struct ring rings[kQueues];
volatile uint8_t buffer[4 * 4096] __attribute__((aligned(4096)));
volatile uint8_t status_byte;

struct ring* ring(struct device* d) {
    return &rings[d->queue];
}

void offer_features(struct device* d, uint32_t low, uint32_t high) {
    write32(d->at + 0x24, 0);
    write32(d->at + 0x20, low);
    write32(d->at + 0x24, 1);
    write32(d->at + 0x20, high);
}
// Indirect tables; the balloon's reports; a network's checksums, segments, merged buffers and commands: those of
// them that are offered.
static uint32_t own_features(struct device* d) {
    uint32_t const wanted = (1u << 28) | (d->id == kBalloon ? 1u << 5 : 0) |
                            (d->id == kNet ? 1u << 0 | 1u << 11 | 1u << 15 | 1u << 17 | 1u << 18 : 0);
    write32(d->at + 0x14, 0);
    return wanted & read32(d->at + 0x10);
}
void begin(struct device* d) {
    set_status(d, 0);
    set_status(d, 1);
    set_status(d, 3);
}
void agree(struct device* d) {
    begin(d);
    offer_features(d, own_features(d), 1);
    set_status(d, 11);
}
void write_address(uint64_t at, uint64_t value) {
    write32(at, (uint32_t)value);
    write32(at + 4, (uint32_t)(value >> 32));
}
void place(struct device* d, uint32_t size, uint64_t table, uint64_t available, uint64_t used) {
    write32(d->at + 0x30, d->queue);
    write32(d->at + 0x38, size);
    write_address(d->at + 0x80, table);
    write_address(d->at + 0x90, available);
    write_address(d->at + 0xa0, used);
    write32(d->at + 0x44, 1);
}
void clear(struct ring* r) {
    for (uint64_t volatile* p = (uint64_t volatile*)r; (char*)p < (char*)r->used + sizeof r->used; ++p) *p = 0;
}
void place_rings(struct device* d) {
    struct ring* r = ring(d);
    clear(r);
    place(d, kSize, address(r->table), address(r->available), address(r->used));
}
void bring_up(struct device* d) {
    agree(d);
    place_rings(d);
    set_status(d, kRunning);
}

void part(struct device* d, unsigned i, uint64_t addr, uint32_t len, unsigned flags) {
    struct descriptor volatile* t = &ring(d)->table[i];
    t->addr = addr;
    t->len = len;
    t->flags = (uint16_t)flags;
    t->next = (uint16_t)(i + 1);
}
void publish(struct device* d, uint16_t head) {
    struct ring* r = ring(d);
    r->available[2 + r->next % kSize] = head;
    ++r->next;
    __asm__ volatile("" ::: "memory");
    r->available[1] = r->next;
    notify(d);
}
int one(struct device* d, uint64_t addr, uint32_t len, unsigned flags) {
    part(d, 0, addr, len, flags);
    publish(d, 0);
    return kJudge;
}
void bring_up_with(struct device* d, uint32_t other) {
    struct device more = *d;
    more.queue = other;
    agree(d);
    place_rings(d);
    place_rings(&more);
    set_status(d, kRunning);
}

enum { kUnique = 0x5eed };
void good_request(struct device* d) {
    for (unsigned i = 0; i < 128; ++i) buffer[i] = 0;
    status_byte = 0xff;
    switch (d->id) {
        case kBlk:  // read sector 0
            part(d, 0, address(buffer), 16, kNext);
            part(d, 1, address(buffer + 4096), 512, kNext | kWrite);
            part(d, 2, address(&status_byte), 1, kWrite);
            return;
        case kConsole:
            part(d, 0, address(buffer), 4, 0);
            return;
        case kNet:  // a frame of zeros
            part(d, 0, address(buffer), 12 + 60, 0);
            return;
        case kVsock:  // RST of nothing, which nobody answers
            *(uint64_t volatile*)buffer = 3;
            *(uint64_t volatile*)(buffer + 8) = 2;
            *(uint16_t volatile*)(buffer + 28) = 1;
            *(uint16_t volatile*)(buffer + 30) = 3;
            part(d, 0, address(buffer), 44, 0);
            return;
        case kFs:  // GETATTR, whatever the answer is
            *(uint32_t volatile*)buffer = 56;
            *(uint32_t volatile*)(buffer + 4) = 3;
            *(uint64_t volatile*)(buffer + 8) = kUnique;
            *(uint64_t volatile*)(buffer + 4096 + 8) = 0;
            part(d, 0, address(buffer), 56, kNext);
            part(d, 1, address(buffer + 4096), 512, kWrite);
            return;
        default:
            part(d, 0, address(buffer + 4096), 4096, kWrite);
    }
}
int settle(struct device* d) {
    struct ring* r = ring(d);
    for (unsigned i = 0; i < 1000000; ++i) {
        if ((status(d) & kNeedsReset) != 0) return 0;
        if (r->used[1] == r->next) return 1;
    }
    return 0;
}
int works(struct device* d) {
    good_request(d);
    publish(d, 0);
    if (!settle(d)) return 0;
    if (d->id == kFs) return *(uint64_t volatile*)(buffer + 4096 + 8) == kUnique;
    return d->id != kBlk || status_byte == 0;
}
unsigned usual(struct device* d) {
    return d->id == kRng || d->id == kBalloon ? kWrite : 0;
}
