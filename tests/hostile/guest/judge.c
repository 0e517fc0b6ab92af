// SPDX-License-Identifier: Apache-2.0
// The cases, in the order of cases.h, and what becomes of one.
#include "driver.h"

// Whether the device runs when a case begins.
enum {
    area_mmio = 1,
    area_state = 0,
    area_setup = 0,
    area_queue = 1,
    area_blk = 1,
    area_net = 0,
    area_vsock = 0,
    area_fs = 1,
    area_balloon = 1,
    area_rng = 1,
    area_console = 1
};
#define ON(area, function, id) {id, area_##area, function},
#define ON_ALL(area, function, expected)                                                                     \
    ON(area, function, kRng) ON(area, function, kConsole) ON(area, function, kBlk) ON(area, function, kBalloon) \
    ON(area, function, kNet) ON(area, function, kVsock) ON(area, function, kFs)
enum {
    id_rng = kRng,
    id_console = kConsole,
    id_blk = kBlk,
    id_balloon = kBalloon,
    id_net = kNet,
    id_vsock = kVsock,
    id_fs = kFs
};
#define ON_ITS_OWN(area, function, expected) ON(area, function, id_##area)
struct hostile_case const cases[] = {HOSTILE_CASES(ON_ALL) HOSTILE_OWN_CASES(ON_ITS_OWN)};
unsigned const case_count = sizeof cases / sizeof *cases;

// The balloon's reports come after its statistics, if there are any (§5.5.2).
static uint32_t request_queue(struct device* d) {
    if (d->id == kConsole || d->id == kNet || d->id == kVsock || d->id == kFs) return 1;
    if (d->id != kBalloon) return 0;
    write32(d->at + 0x14, 0);
    return (read32(d->at + 0x10) & 2) != 0 ? 3 : 2;
}
// False: this machine has none.
static int find(uint32_t id, struct bus const* bus, struct device* out) {
    for (unsigned slot = 0; slot < bus->slots; ++slot) {
        struct device d = {bus->first + slot * bus->stride, bus->stride, id, 0};
        if (read32(d.at + 8) != id) continue;
        d.queue = request_queue(&d);
        *out = d;
        return 1;
    }
    return 0;
}

static uint32_t judge(struct device* d, int seen) {
    if (seen == kBroken) return FAIL;
    if (seen == kRefused) return REJECT;
    if (settle(d) && works(d)) return PASS;
    return (status(d) & kNeedsReset) != 0 ? REJECT : WEDGED;
}

static int is_well(struct device* d) {
    bring_up(d);
    int const yes = works(d);
    set_status(d, 0);
    return yes;
}

uint32_t carry_out(struct hostile_case const* one, struct bus const* bus) {
    static uint32_t const all[] = {kRng, kConsole, kBlk, kBalloon, kNet, kVsock, kFs};
    struct device d;
    if (!find(one->id, bus, &d)) return 0;
    if (one->runs) bring_up(&d);
    uint32_t verdict = judge(&d, one->function(&d));
    if (!is_well(&d)) verdict |= WEDGED;
    for (unsigned i = 0; i < sizeof all / sizeof *all; ++i) {
        struct device other;
        if (find(all[i], bus, &other) && !is_well(&other)) verdict |= FAIL;
    }
    return verdict;
}
