/* SPDX-License-Identifier: Apache-2.0 */
/* The hostile guest's driver: what it needs to bring a device up by the rules, so that each case breaks one
 * of them (virtio-v1.2 §2, §3.1, §4.2). One processor, no interrupts: everything is polled. */
#pragma once
#include "../../vmm/guest/guest.h"
#include "../cases.h"

enum { kSize = 16, kQueues = 5, kNext = 1, kWrite = 2, kIndirect = 4 };
enum { kNeedsReset = 64, kRunning = 15 };
enum { kNet = 1, kBlk = 2, kConsole = 3, kRng = 4, kBalloon = 5, kVsock = 19, kFs = 26 };
/* What a case's function has seen by itself; otherwise the device is judged by what it does next. */
enum { kJudge, kRefused, kBroken };
#define kRamEnd 0x4000000u
/* Memory that nothing is in, for buffers of up to 32 MiB. */
#define kSpare 0x1000000u

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
extern volatile uint8_t buffer[4 * 4096];
extern volatile uint8_t status_byte;

struct device {
    uint64_t at;
    uint32_t room;  // bytes to the next device's registers
    uint32_t id;
    uint32_t queue;  // the one that is written to: from find(), the one that takes requests
};

inline static uint64_t address(void const volatile* p) {
    return (uint64_t)p;
}
inline static uint32_t status(struct device* d) {
    return read32(d->at + 0x70);
}
inline static void set_status(struct device* d, uint32_t value) {
    write32(d->at + 0x70, value);
}
inline static void notify(struct device* d) {
    write32(d->at + 0x50, d->queue);
}
inline static int refused(int yes) {
    return yes ? kRefused : kBroken;
}
struct ring* ring(struct device* d);

void offer_features(struct device* d, uint32_t low, uint32_t high);
/* To DRIVER, to FEATURES_OK, and all the way. */
void begin(struct device* d);
void agree(struct device* d);
void bring_up(struct device* d);
/* The same with one queue more. */
void bring_up_with(struct device* d, uint32_t other);

void write_address(uint64_t at, uint64_t value);
void place(struct device* d, uint32_t size, uint64_t table, uint64_t available, uint64_t used);
void clear(struct ring* r);
void place_rings(struct device* d);

void part(struct device* d, unsigned i, uint64_t addr, uint32_t len, unsigned flags);
void publish(struct device* d, uint16_t head);
/* One part, published. */
int one(struct device* d, uint64_t addr, uint32_t len, unsigned flags);
/* What the device is there for, in descriptors from 0 on. */
void good_request(struct device* d);
/* Until all that was published is back, or the device gives up. */
int settle(struct device* d);
int works(struct device* d);
/* One part of a request, as the device takes them. */
unsigned usual(struct device* d);

#define DECLARED(area, function, expected) int function(struct device* d);
HOSTILE_CASES(DECLARED)
HOSTILE_OWN_CASES(DECLARED)
#undef DECLARED

struct hostile_case {
    uint32_t id;  // of the device
    int runs;     // when the function is called
    int (*function)(struct device*);
};
extern struct hostile_case const cases[];
extern unsigned const case_count;

/* Where the devices' registers are. */
struct bus {
    uint64_t first;
    uint32_t stride, slots;
};
/* Carries a case out and judges: PASS or REJECT, and WEDGED or FAIL beside it. */
uint32_t carry_out(struct hostile_case const* one, struct bus const* bus);
