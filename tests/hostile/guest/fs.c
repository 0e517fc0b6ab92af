// SPDX-License-Identifier: Apache-2.0
// Requests of a file system's driver (virtio-v1.2 §5.11.6; their grammar is Linux' fuse.h). The tree is one empty
// directory.
#include "driver.h"

enum { kLookup = 1, kForget = 2, kGetattr = 3, kRead = 15, kWriteData = 16, kInit = 26, kOpendir = 27, kReaddir = 28 };
enum { kInterrupt = 36, kDestroy = 38, kBatchForget = 42, kSetupMapping = 48, kHead = 40, kReply = 16 };

struct request {
    uint32_t len, opcode;
    uint64_t unique, node;
    uint32_t uid, gid, pid, extension;
};
struct reply {
    uint32_t len;
    int32_t error;
    uint64_t unique;
};
static struct reply volatile* reply_of(void) {
    return (struct reply volatile*)(buffer + 8192);
}
static uint32_t volatile* body(void) {
    return (uint32_t volatile*)(buffer + kHead);
}
static void fill_body(uint32_t value) {
    for (unsigned i = 0; i < 512; ++i) body()[i] = value;
}
// The body is in the buffer already. `claimed`: what the header says of the length; `room` for the reply.
static int request(struct device* d, uint32_t opcode, uint32_t bytes, uint32_t claimed, uint32_t room) {
    static uint64_t unique = 100;
    *(struct request volatile*)buffer = (struct request){claimed, opcode, ++unique, 1, 0, 0, 0, 0};
    *reply_of() = (struct reply){0, 0, 0};
    part(d, 0, address(buffer), bytes, room > 0 ? kNext : 0);
    part(d, 1, address(reply_of()), room, kWrite);
    publish(d, 0);
    if (!settle(d)) return kJudge;
    int const is_answered = opcode != kForget && opcode != kBatchForget && opcode != kInterrupt && opcode != kDestroy;
    if (!is_answered || room < kReply || bytes < kHead) return kJudge;
    return reply_of()->unique == unique ? kJudge : kBroken;
}
static int refused_request(struct device* d, uint32_t opcode, uint32_t bytes) {
    int const seen = request(d, opcode, kHead + bytes, kHead + bytes, 1024);
    return seen == kJudge && reply_of()->error < 0 ? kJudge : kBroken;
}
static void init(struct device* d) {
    fill_body(0);
    body()[0] = 7;
    body()[1] = 36;
    body()[2] = 65536;
    request(d, kInit, kHead + 64, kHead + 64, 1024);
}

int request_is_cut_short(struct device* d) {
    init(d);
    return request(d, kGetattr, kHead - 1, kHead - 1, 512);
}
int request_longer_than_its_chain(struct device* d) {
    init(d);
    return request(d, kGetattr, kHead + 16, 4096, 512);
}
int request_as_long_as_everything(struct device* d) {
    init(d);
    return request(d, kGetattr, kHead + 16, ~0u, 512);
}
int request_of_no_length(struct device* d) {
    init(d);
    return request(d, kGetattr, kHead + 16, 0, 512);
}
int unknown_operation(struct device* d) {
    init(d);
    return refused_request(d, 9999, 16);
}
static int every_operation(struct device* d, uint32_t bytes) {
    int seen = kJudge;
    for (uint32_t opcode = 0; opcode < 80 && seen == kJudge; ++opcode)
        seen = request(d, opcode, kHead + bytes, kHead + bytes, 1024);
    return seen;
}
int every_operation_before_the_first(struct device* d) {
    fill_body(0);
    return every_operation(d, 128);
}
int every_operation_without_arguments(struct device* d) {
    init(d);
    return every_operation(d, 0);
}
int every_operation_with_zeros(struct device* d) {
    init(d);
    fill_body(0);
    return every_operation(d, 128);
}
int every_operation_with_ones(struct device* d) {
    init(d);
    fill_body(~0u);
    return every_operation(d, 2000);
}
int no_room_for_an_answer(struct device* d) {
    init(d);
    return request(d, kGetattr, kHead + 16, kHead + 16, 0);
}
int room_for_half_an_answer(struct device* d) {
    init(d);
    return request(d, kGetattr, kHead + 16, kHead + 16, kReply - 1);
}
int name_without_an_end(struct device* d) {
    init(d);
    fill_body(0x61616161);
    return refused_request(d, kLookup, 64);
}
int name_that_climbs(struct device* d) {
    init(d);
    fill_body(0);
    body()[0] = 0x2f2e2e;
    return refused_request(d, kLookup, 4);
}
int name_longer_than_any(struct device* d) {
    init(d);
    fill_body(0x61616161);
    body()[490] = 0;
    return refused_request(d, kLookup, 1961);
}
int file_that_was_never_opened(struct device* d) {
    init(d);
    fill_body(0x77777777);
    return refused_request(d, kRead, 40);
}
int listing_of_everything(struct device* d) {
    init(d);
    fill_body(0);
    request(d, kOpendir, kHead + 8, kHead + 8, 1024);
    fill_body(~0u);
    return request(d, kReaddir, kHead + 40, kHead + 40, 4096);
}
int data_that_is_not_there(struct device* d) {
    init(d);
    fill_body(~0u);
    return refused_request(d, kWriteData, 40);
}
int everything_is_forgotten(struct device* d) {
    init(d);
    fill_body(~0u);
    request(d, kForget, kHead + 8, kHead + 8, 0);
    return request(d, kBatchForget, kHead + 8, kHead + 8, 0);
}
int interrupt_of_nothing(struct device* d) {
    init(d);
    fill_body(~0u);
    return request(d, kInterrupt, kHead + 8, kHead + 8, 0);
}
int greeting_of_another_version(struct device* d) {
    fill_body(0);
    body()[0] = 6;
    return request(d, kInit, kHead + 64, kHead + 64, 1024);
}
int greeting_twice(struct device* d) {
    init(d);
    init(d);
    return kJudge;
}
int farewell_and_requests(struct device* d) {
    init(d);
    request(d, kDestroy, kHead, kHead, 1024);
    return request(d, kGetattr, kHead + 16, kHead + 16, 512);
}
int mapping_that_is_not_offered(struct device* d) {
    init(d);
    fill_body(~0u);
    return refused_request(d, kSetupMapping, 40);
}
int requests_on_the_urgent_queue(struct device* d) {
    struct device urgent = *d;
    urgent.queue = 0;
    bring_up_with(d, 0);
    init(d);
    fill_body(0);
    return every_operation(&urgent, 64);
}
