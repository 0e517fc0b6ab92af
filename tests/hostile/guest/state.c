// SPDX-License-Identifier: Apache-2.0
// The state machine (§2.1, §3.1).
#include "driver.h"

int driver_ok_without_features_ok(struct device* d) {
    begin(d);
    set_status(d, 7);
    return refused((status(d) & 4) == 0);
}
int features_ok_without_driver(struct device* d) {
    set_status(d, 0);
    set_status(d, 1);
    offer_features(d, 0, 1);
    set_status(d, 9);
    return refused((status(d) & 8) == 0);
}
int driver_without_acknowledge(struct device* d) {
    set_status(d, 0);
    set_status(d, 2);
    return refused(status(d) == 0);
}
int a_bit_is_taken_back(struct device* d) {
    bring_up(d);
    set_status(d, 13);
    set_status(d, 8);
    return status(d) == kRunning ? kJudge : kBroken;
}
int driver_has_failed(struct device* d) {
    begin(d);
    offer_features(d, 0, 1);
    set_status(d, 3 | 128);
    set_status(d, 11 | 128);
    return refused((status(d) & 8) == 0);
}
int all_bits_at_once(struct device* d) {
    set_status(d, 0);
    set_status(d, 0xff);
    return refused(status(d) == 0);
}
int needs_reset_is_written(struct device* d) {
    bring_up(d);
    set_status(d, kRunning | kNeedsReset);
    return status(d) == kRunning ? kJudge : kBroken;
}
int legacy_driver(struct device* d) {
    begin(d);
    offer_features(d, 0, 0);
    set_status(d, 11);
    return refused((status(d) & 8) == 0);
}
int features_that_were_not_offered(struct device* d) {
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
int features_beyond_64(struct device* d) {
    begin(d);
    offer_features(d, 0, 1);
    write32(d->at + 0x24, 2);
    write32(d->at + 0x20, 1);
    set_status(d, 11);
    return refused((status(d) & 8) == 0);
}
int features_after_features_ok(struct device* d) {
    agree(d);
    offer_features(d, ~0u, ~0u);
    place_rings(d);
    set_status(d, kRunning);
    return kJudge;
}
int driver_ok_twice(struct device* d) {
    bring_up(d);
    set_status(d, kRunning);
    return kJudge;
}
int reset_storm(struct device* d) {
    for (unsigned i = 0; i < 50; ++i) {
        bring_up(d);
        set_status(d, 0);
    }
    bring_up(d);
    return kJudge;
}
int reset_with_a_request_in_the_queue(struct device* d) {
    for (unsigned i = 0; i < 20; ++i) {
        bring_up(d);
        good_request(d);
        publish(d, 0);
    }
    bring_up(d);
    return kJudge;
}
int notify_before_driver_ok(struct device* d) {
    agree(d);
    place_rings(d);
    for (unsigned i = 0; i < 10; ++i) notify(d);
    set_status(d, kRunning);
    return kJudge;
}
int notify_after_reset(struct device* d) {
    bring_up(d);
    set_status(d, 0);
    ring(d)->available[1] = 5;
    for (unsigned i = 0; i < 10; ++i) notify(d);
    bring_up(d);
    return kJudge;
}
int no_queue_at_all(struct device* d) {
    agree(d);
    set_status(d, kRunning);
    for (unsigned i = 0; i < 10; ++i) notify(d);
    if (status(d) != kRunning) return kBroken;
    bring_up(d);
    return kJudge;
}
