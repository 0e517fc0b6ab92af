// SPDX-License-Identifier: Apache-2.0
// Frames and commands of a network interface (virtio-v1.2 §5.1.6). Queue 0 receives, 1 sends, 2 takes commands; of
// several pairs of queues, the one after the last.
#include "driver.h"

enum { kHeader = 12 };

static void frame_of(uint8_t flags, uint8_t segments, uint16_t segment_bytes, uint16_t start, uint16_t offset) {
    for (unsigned i = 0; i < 2048; ++i) buffer[i] = 0;
    buffer[0] = flags;
    buffer[1] = segments;
    *(uint16_t volatile*)(buffer + 4) = segment_bytes;
    *(uint16_t volatile*)(buffer + 6) = start;
    *(uint16_t volatile*)(buffer + 8) = offset;
}
static int sent(struct device* d, uint32_t bytes) {
    bring_up(d);
    return one(d, address(buffer), bytes, 0);
}
// The interface with none of its features.
static int sent_by_a_plain_driver(struct device* d) {
    begin(d);
    offer_features(d, 0, 1);
    set_status(d, 11);
    place_rings(d);
    set_status(d, kRunning);
    return one(d, address(buffer), kHeader + 60, 0);
}
int header_of_a_frame_is_cut_short(struct device* d) {
    frame_of(0, 0, 0, 0, 0);
    return sent(d, kHeader - 1);
}
int frame_of_nothing(struct device* d) {
    frame_of(0, 0, 0, 0, 0);
    return sent(d, kHeader);
}
int frame_that_is_too_short(struct device* d) {
    frame_of(0, 0, 0, 0, 0);
    return sent(d, kHeader + 13);
}
int frame_longer_than_any(struct device* d) {
    bring_up(d);
    return one(d, kSpare, kHeader + 65554, 0);
}
int frame_of_32_mib(struct device* d) {
    bring_up(d);
    return one(d, kSpare, 0x2000000, 0);
}
int frame_in_many_parts(struct device* d) {
    frame_of(0, 0, 0, 0, 0);
    bring_up(d);
    for (unsigned i = 0; i < kSize; ++i)
        part(d, i, address(buffer) + 5 * i, 5, i + 1 < kSize ? kNext : 0);
    publish(d, 0);
    return kJudge;
}
int checksum_that_was_not_agreed(struct device* d) {
    frame_of(1, 0, 0, 14, 16);
    return sent_by_a_plain_driver(d);
}
int segments_that_were_not_agreed(struct device* d) {
    frame_of(0, 1, 100, 0, 0);
    return sent_by_a_plain_driver(d);
}
int every_flag_of_a_frame(struct device* d) {
    frame_of(0xff, 0, 0, 0, 0);
    return sent(d, kHeader + 60);
}
int segments_of_no_kind(struct device* d) {
    frame_of(1, 0x7f, 100, 14, 16);
    return sent(d, kHeader + 60);
}
int segments_of_nothing(struct device* d) {
    frame_of(1, 1, 0, 14, 16);
    return sent(d, kHeader + 60);
}
int checksum_past_the_end(struct device* d) {
    frame_of(1, 0, 0, 0xffff, 0xffff);
    return sent(d, kHeader + 60);
}

// A buffer to receive into, and then a frame that the back-end gives back.
static int received_into(struct device* d, uint64_t addr, uint32_t len, unsigned flags, unsigned buffers) {
    struct device in = *d;
    in.queue = 0;
    bring_up_with(d, 0);
    for (unsigned i = 0; i < buffers; ++i) {
        part(&in, i, addr, len, flags);
        publish(&in, (uint16_t)i);
    }
    for (unsigned i = 0; i < 4; ++i) {
        good_request(d);
        publish(d, 0);
        settle(d);
    }
    return kJudge;
}
int receive_buffer_that_can_only_be_read(struct device* d) {
    return received_into(d, address(buffer) + 8192, 2048, 0, 1);
}
int receive_buffer_without_room_for_a_header(struct device* d) {
    return received_into(d, address(buffer) + 8192, kHeader - 1, kWrite, 1);
}
int receive_buffers_for_a_header_alone(struct device* d) {
    return received_into(d, address(buffer) + 8192, kHeader, kWrite, kSize);
}
int receive_buffer_outside_ram(struct device* d) {
    return received_into(d, kRamEnd, 2048, kWrite, 1);
}
int receive_buffer_of_32_mib(struct device* d) {
    return received_into(d, kSpare, 0x2000000, kWrite, 1);
}
int frames_that_nobody_receives(struct device* d) {
    return received_into(d, 0, 0, 0, 0);
}

// A command of `bytes` of `group` and `number`, and ones behind; with `room` for its answer.
static int commanded(struct device* d, uint8_t group, uint8_t number, uint32_t bytes, uint32_t room) {
    struct device commands = *d;
    commands.queue = 2;
    bring_up_with(d, 2);
    for (unsigned i = 0; i < 256; ++i) buffer[i] = 0xff;
    buffer[0] = group;
    buffer[1] = number;
    part(&commands, 0, address(buffer), bytes, room > 0 ? kNext : 0);
    part(&commands, 1, address(&status_byte), room, kWrite);
    status_byte = 0xff;
    publish(&commands, 0);
    if (!settle(&commands)) return kJudge;
    return room == 0 || status_byte == 1 ? kJudge : kBroken;
}
int unknown_command(struct device* d) {
    return commanded(d, 99, 99, 64, 1);
}
int command_is_cut_short(struct device* d) {
    return commanded(d, 0, 0, 1, 1);
}
int command_without_room_for_an_answer(struct device* d) {
    return commanded(d, 0, 0, 3, 0);
}
int pairs_of_queues_that_are_not_there(struct device* d) {
    return commanded(d, 4, 0, 4, 1);
}

enum { kCommands = 1u << 17, kSeveralPairs = 1u << 22 };
// A driver that takes as many pairs of queues as there are, and sets them up: how many. Of one it can ask for no other.
static unsigned bring_up_pairs(struct device* d) {
    write32(d->at + 0x14, 0);
    uint32_t const offered = read32(d->at + 0x10);
    unsigned const pairs = (offered & kSeveralPairs) != 0 ? read32(d->at + 0x108) & 0xffff : 1;
    begin(d);
    offer_features(d, offered & (kCommands | kSeveralPairs), 1);
    set_status(d, 11);
    struct device one = *d;
    for (one.queue = 0; one.queue <= 2 * pairs && one.queue < kQueues; ++one.queue) place_rings(&one);
    set_status(d, kRunning);
    return pairs;
}
// Whether the device says `answer` to a driver that asks for `wanted` of its `pairs`, in `bytes`.
static int is_answered(struct device* d, unsigned pairs, unsigned wanted, uint32_t bytes, uint8_t answer) {
    struct device commands = *d;
    commands.queue = 2 * pairs;
    buffer[0] = 4;
    buffer[1] = 0;
    buffer[2] = (uint8_t)wanted;
    buffer[3] = (uint8_t)(wanted >> 8);
    part(&commands, 0, address(buffer), bytes, kNext);
    part(&commands, 1, address(&status_byte), 1, kWrite);
    status_byte = 0xff;
    publish(&commands, 0);
    return settle(&commands) && status_byte == answer;
}
int more_pairs_of_queues_than_there_are(struct device* d) {
    static unsigned const numbers[] = {0, 3, 4, 255, 256, 0x8000, 0x8001, 0xffff};
    unsigned const pairs = bring_up_pairs(d);
    for (unsigned i = 0; i < sizeof numbers / sizeof *numbers; ++i)
        if (!is_answered(d, pairs, numbers[i], 4, 1)) return kBroken;
    return kJudge;
}
int number_of_pairs_is_cut_short(struct device* d) {
    unsigned const pairs = bring_up_pairs(d);
    return is_answered(d, pairs, 1, 2, 1) && is_answered(d, pairs, 1, 3, 1) ? kJudge : kBroken;
}
int pairs_of_queues_come_and_go(struct device* d) {
    unsigned const pairs = bring_up_pairs(d);
    if (pairs == 1) return kJudge;
    for (unsigned i = 0; i < 32; ++i) {
        if (!is_answered(d, pairs, 1 + i % pairs, 4, 0)) return kBroken;
        for (unsigned pair = 0; pair < pairs; ++pair) {
            struct device out = *d;
            out.queue = 2 * pair + 1;
            if (!works(&out)) return kBroken;
        }
    }
    return kJudge;
}
int frame_on_a_pair_that_nobody_asked_for(struct device* d) {
    unsigned const pairs = bring_up_pairs(d);
    struct device out = *d;
    out.queue = 2 * pairs - 1;
    return works(&out) ? kJudge : kBroken;
}
int reset_with_all_pairs_in_use(struct device* d) {
    for (unsigned i = 0; i < 16; ++i) {
        unsigned const pairs = bring_up_pairs(d);
        if (pairs > 1 && !is_answered(d, pairs, pairs, 4, 0)) return kBroken;
        struct device out = *d;
        out.queue = 2 * pairs - 1;
        good_request(&out);
        publish(&out, 0);
        set_status(d, 0);
    }
    bring_up(d);
    return kJudge;
}
