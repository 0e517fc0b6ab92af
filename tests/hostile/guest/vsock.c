// SPDX-License-Identifier: Apache-2.0
// Packets of sockets (virtio-v1.2 §5.10.6). Queue 0 receives, 1 sends. On the host's port 1024 whatever arrives is
// sent back; on every other nobody listens.
#include "driver.h"

enum { kRequest = 1, kResponse = 2, kReset = 3, kShutdown = 4, kData = 5, kCreditUpdate = 6, kCreditRequest = 7 };
enum { kEcho = 1024, kNobody = 77, kOurs = 5000, kHeader = 44, kInbox = 8, kInboxBytes = 512 };

struct packet {
    uint64_t src_cid, dst_cid;
    uint32_t src_port, dst_port, len;
    uint16_t type, op;
    uint32_t flags, buf_alloc, fwd_cnt;
} __attribute__((packed));
static volatile uint8_t inbox[kInbox][kInboxBytes] __attribute__((aligned(4096)));
static uint16_t taken;

static struct packet packet_of(unsigned op) {
    return (struct packet){3, 2, kOurs, kEcho, 0, 1, (uint16_t)op, 0, 65536, 0};
}
// `payload` bytes behind it, whatever it says itself.
static void send(struct device* d, struct packet p, uint32_t payload) {
    *(struct packet volatile*)buffer = p;
    one(d, address(buffer), kHeader + payload, 0);
}
static void sent(struct device* d, struct packet p) {
    send(d, p, p.len);
    settle(d);
}

// With buffers to receive into.
static struct device open_inbox(struct device* d) {
    struct device in = *d;
    in.queue = 0;
    bring_up_with(d, 0);
    taken = 0;
    for (unsigned i = 0; i < kInbox; ++i) {
        part(&in, i, address(inbox[i]), kInboxBytes, kWrite);
        publish(&in, (uint16_t)i);
    }
    return in;
}
// The operation of the next packet, whose buffer is given back; 0 if none comes.
static unsigned next_op(struct device* in) {
    struct ring* r = ring(in);
    for (unsigned i = 0; i < 20000; ++i) {
        if (r->used[1] == taken) {
            if ((status(in) & kNeedsReset) != 0) return 0;
            continue;
        }
        uint16_t const head = r->used[2 + 4 * (taken++ % kSize)];
        if (head >= kInbox) return 0;
        unsigned const op = ((struct packet volatile*)inbox[head])->op;
        publish(in, head);
        return op;
    }
    return 0;
}
static int answered(struct device* in, unsigned op) {
    for (unsigned seen = next_op(in); seen != 0; seen = next_op(in))
        if (seen == op) return 1;
    return 0;
}
static int is_answered_by(struct device* d, struct packet p, uint32_t payload, unsigned op) {
    struct device in = open_inbox(d);
    send(d, p, payload);
    return answered(&in, op) ? kJudge : kBroken;
}
static struct device connected(struct device* d) {
    struct device in = open_inbox(d);
    sent(d, packet_of(kRequest));
    if (!answered(&in, kResponse)) in.at = 0;
    return in;
}
// The same on a connection.
static int is_answered_when_connected(struct device* d, struct packet p, uint32_t payload, unsigned op) {
    struct device in = connected(d);
    if (in.at == 0) return kBroken;
    send(d, p, payload);
    return answered(&in, op) ? kJudge : kBroken;
}

int packet_is_cut_short(struct device* d) {
    bring_up(d);
    return one(d, address(buffer), kHeader - 1, 0);
}
int packet_in_many_parts(struct device* d) {
    struct device in = open_inbox(d);
    struct packet p = packet_of(kRequest);
    *(struct packet volatile*)buffer = p;
    for (unsigned i = 0; i < 14; ++i) part(d, i, address(buffer) + 3 * i, 3, kNext);
    part(d, 14, address(buffer) + 42, 2, 0);
    publish(d, 0);
    return answered(&in, kResponse) ? kJudge : kBroken;
}
int sender_is_forged(struct device* d) {
    struct device in = open_inbox(d);
    struct packet p = packet_of(kRequest);
    p.src_cid = 77;
    sent(d, p);
    return next_op(&in) == 0 ? kJudge : kBroken;
}
int addressee_is_anybody(struct device* d) {
    struct device in = open_inbox(d);
    struct packet p = packet_of(kRequest);
    p.dst_cid = 0xffffffff;
    sent(d, p);
    return next_op(&in) == 0 ? kJudge : kBroken;
}
int type_of_no_kind(struct device* d) {
    struct packet p = packet_of(kRequest);
    p.type = 2;
    return is_answered_by(d, p, 0, kReset);
}
int port_where_nobody_listens(struct device* d) {
    struct packet p = packet_of(kRequest);
    p.dst_port = kNobody;
    return is_answered_by(d, p, 0, kReset);
}
int data_of_no_connection(struct device* d) {
    struct packet p = packet_of(kData);
    p.len = 16;
    return is_answered_by(d, p, 16, kReset);
}
int reset_of_no_connection(struct device* d) {
    struct device in = open_inbox(d);
    sent(d, packet_of(kReset));
    return next_op(&in) == 0 ? kJudge : kBroken;
}
int unknown_operations(struct device* d) {
    struct device in = open_inbox(d);
    for (unsigned op = 8; op < 16; ++op) sent(d, packet_of(op));
    sent(d, packet_of(0));
    sent(d, packet_of(0xffff));
    return answered(&in, kReset) ? kJudge : kBroken;
}
int unknown_operation_on_a_connection(struct device* d) {
    return is_answered_when_connected(d, packet_of(99), 0, kReset);
}
int second_request_of_a_connection(struct device* d) {
    return is_answered_when_connected(d, packet_of(kRequest), 0, kReset);
}
int response_to_no_request(struct device* d) {
    return is_answered_when_connected(d, packet_of(kResponse), 0, kReset);
}
int length_beyond_the_chain(struct device* d) {
    struct packet p = packet_of(kData);
    p.len = 4096;
    return is_answered_when_connected(d, p, 16, kReset);
}
int length_of_everything(struct device* d) {
    struct packet p = packet_of(kData);
    p.len = 0xffffffff;
    return is_answered_when_connected(d, p, 16, kReset);
}
int data_beyond_the_window(struct device* d) {
    struct device in = connected(d);
    struct packet p = packet_of(kData);
    p.buf_alloc = 0;  // so that nothing of it can come back, and the host has to keep it
    p.len = 8192;
    for (unsigned i = 0; i < 1000; ++i) {
        sent(d, p);
        while (ring(&in)->used[1] != taken)
            if (next_op(&in) == kReset) return kJudge;
    }
    return kBroken;
}
int data_without_credit(struct device* d) {
    struct device in = connected(d);
    struct packet p = packet_of(kData);
    p.buf_alloc = 0;
    p.len = 64;
    sent(d, p);
    for (unsigned op = next_op(&in); op != 0; op = next_op(&in))
        if (op == kData) return kBroken;
    return kJudge;
}
int more_taken_than_was_sent(struct device* d) {
    struct device in = connected(d);
    struct packet p = packet_of(kCreditUpdate);
    p.fwd_cnt = 0x80000000;
    sent(d, p);
    p = packet_of(kData);
    p.len = 64;
    sent(d, p);
    (void)next_op(&in);
    return kJudge;
}
int credit_is_asked_for_without_end(struct device* d) {
    struct device in = connected(d);
    for (unsigned i = 0; i < 200; ++i) sent(d, packet_of(kCreditRequest));
    return answered(&in, kCreditUpdate) ? kJudge : kBroken;
}
int data_after_shutdown(struct device* d) {
    struct device in = connected(d);
    struct packet p = packet_of(kShutdown);
    p.flags = 2;
    sent(d, p);
    p = packet_of(kData);
    p.len = 16;
    sent(d, p);
    return answered(&in, kReset) ? kJudge : kBroken;
}
int shutdown_with_every_flag(struct device* d) {
    struct packet p = packet_of(kShutdown);
    p.flags = ~0u;
    return is_answered_when_connected(d, p, 0, kReset);
}
int data_after_reset(struct device* d) {
    struct device in = connected(d);
    sent(d, packet_of(kReset));
    struct packet p = packet_of(kData);
    p.len = 16;
    sent(d, p);
    return answered(&in, kReset) ? kJudge : kBroken;
}
int connections_without_end(struct device* d) {
    struct device in = open_inbox(d);
    unsigned open = 0, refusals = 0;
    for (unsigned i = 0; i < 300; ++i) {
        struct packet p = packet_of(kRequest);
        p.src_port = 10000 + i;
        sent(d, p);
        unsigned const op = next_op(&in);
        open += op == kResponse;
        refusals += op == kReset;
    }
    return open > 0 && refusals > 0 && open + refusals == 300 ? kJudge : kBroken;
}
int refusals_that_nobody_receives(struct device* d) {
    struct packet p = packet_of(kRequest);
    p.dst_port = kNobody;
    bring_up_with(d, 0);
    for (unsigned i = 0; i < 50; ++i) sent(d, p);
    return kJudge;
}
// The rest waits until there is room for refusals (§5.10.6.1).
int refusals_that_are_received_late(struct device* d) {
    struct packet p = packet_of(kRequest);
    p.dst_port = kNobody;
    bring_up_with(d, 0);
    for (unsigned i = 0; i < 60; ++i) sent(d, p);
    for (unsigned i = 0; i < kSize; ++i) send(d, p, 0);
    struct device in = *d;
    in.queue = 0;
    for (unsigned i = 0; i < 80; ++i) {
        one(&in, address(inbox[0]), kInboxBytes, kWrite);
        for (unsigned turn = 0; turn < 20000 && ring(&in)->used[1] != ring(&in)->next; ++turn) (void)status(d);
    }
    return kJudge;
}
int receive_buffer_for_a_packet_header_alone(struct device* d) {
    struct device in = *d;
    in.queue = 0;
    bring_up_with(d, 0);
    one(&in, address(inbox[0]), kHeader, kWrite);
    sent(d, packet_of(kRequest));
    return kJudge;
}
int receive_buffer_of_a_packet_that_can_only_be_read(struct device* d) {
    struct device in = *d;
    in.queue = 0;
    bring_up_with(d, 0);
    one(&in, address(inbox[0]), kInboxBytes, 0);
    sent(d, packet_of(kRequest));
    return kJudge;
}
