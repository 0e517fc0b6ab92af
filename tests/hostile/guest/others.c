// SPDX-License-Identifier: Apache-2.0
// Balloon, rng, console (§5.5.6, §5.4.6, §5.3.6).
#include "driver.h"

int report_of_half_a_page(struct device* d) {
    buffer[4096 + 100] = 7;
    part(d, 0, address(buffer) + 4096, 2048, kWrite);
    publish(d, 0);
    return settle(d) && buffer[4096 + 100] == 7 ? kJudge : kBroken;
}
int report_of_the_rings_themselves(struct device* d) {
    struct ring* r = ring(d);
    part(d, 0, address(r), 4096, kWrite);
    publish(d, 0);
    for (unsigned i = 0; i < 1000000 && r->used[1] != 1; ++i) (void)status(d);
    notify(d);  // its rings are zeros now
    return kJudge;
}
int report_that_can_only_be_read(struct device* d) {
    buffer[4096] = 7;
    part(d, 0, address(buffer) + 4096, 4096, 0);
    publish(d, 0);
    return settle(d) && buffer[4096] == 7 ? kJudge : kBroken;
}
// A chain on a queue that takes no requests; the device judges it beside the one that does.
static int on_other_queue(struct device* d, uint32_t other, uint32_t len) {
    struct device more = *d;
    more.queue = other;
    bring_up_with(d, other);
    return one(&more, address(buffer), len, 0);
}
int inflation_with_any_number(struct device* d) {
    for (unsigned i = 0; i < 64; ++i) ((uint32_t volatile*)buffer)[i] = i * 0x4000001u;
    return on_other_queue(d, 0, 256);
}
int more_than_anybody_needs(struct device* d) {
    return one(d, kSpare, 0x2000000, kWrite);
}
int the_same_page_many_times(struct device* d) {
    for (unsigned i = 0; i < kSize; ++i)
        part(d, i, address(buffer) + 4096, 4096, kWrite | (i + 1 < kSize ? kNext : 0));
    publish(d, 0);
    return kJudge;
}
int output_without_end(struct device* d) {
    return one(d, kSpare, 0x2000000, 0);
}
int input_buffer_that_can_only_be_read(struct device* d) {
    return on_other_queue(d, 0, 64);
}
