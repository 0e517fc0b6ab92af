// SPDX-License-Identifier: Apache-2.0
#include "bench/vsock/guest.h"

#include <cstring>

namespace krun::bench {
namespace {

constexpr uint32_t kOurPort = 5000;
constexpr uint16_t kReceiving = 64;
constexpr uint32_t kPage = 4096;

}  // namespace

VsockGuest::VsockGuest(Peer& peer, uint32_t port)
    : in_(peer.queues()[0]), out_(peer.queues()[1]), port_(port) {
    for (uint16_t slot = 0; slot < kReceiving; ++slot) {
        in_.shape(slot, {{}, {kPage}});
        in_.offer(slot);
    }
    for (uint16_t slot = 0; slot < kSending; ++slot) {
        out_.shape(slot, {{sizeof(vmm::VsockHeader), kMostBytes}, {}});
        free_.push_back(slot);
    }
    out_.shape(kControl, {{sizeof(vmm::VsockHeader)}, {}});
    send_control(vmm::VsockOp::kRequest);
    while (!connected_) receive();
}

uint16_t VsockGuest::free_slot() {
    uint16_t slot = 0;
    while (out_.poll(slot)) free_.push_back(slot);
    if (free_.empty()) free_.push_back(out_.wait());
    slot = free_.back();
    free_.pop_back();
    return slot;
}

void VsockGuest::put_header(uint16_t slot, vmm::VsockOp op, uint32_t bytes) {
    vmm::VsockHeader const header{.src_cid = vmm::kGuestCid,
                                  .dst_cid = vmm::kHostCid,
                                  .src_port = kOurPort,
                                  .dst_port = port_,
                                  .len = bytes,
                                  .type = vmm::kVsockStream,
                                  .op = static_cast<uint16_t>(op),
                                  .flags = 0,
                                  .buf_alloc = kBuffer,
                                  .fwd_cnt = received_};
    std::memcpy(out_.part(slot, 0), &header, sizeof header);
    told_ = received_;
}

void VsockGuest::send_control(vmm::VsockOp op) {
    put_header(kControl, op, 0);
    out_.offer(kControl);
    for (uint16_t slot = out_.wait(); slot != kControl; slot = out_.wait()) free_.push_back(slot);
}

void VsockGuest::send(uint32_t bytes) {
    while (their_buffer_ - (sent_ - they_took_) < bytes) receive();
    uint16_t const slot = free_slot();
    put_header(slot, vmm::VsockOp::kData, bytes);
    out_.resize_part(slot, 1, bytes);
    out_.offer(slot);
    sent_ += bytes;
}

uint32_t VsockGuest::receive() {
    return take(in_.wait());
}

uint32_t VsockGuest::take(uint16_t slot) {
    vmm::VsockHeader header;
    std::memcpy(&header, in_.part(slot, 0), sizeof header);
    in_.offer(slot);
    their_buffer_ = header.buf_alloc;
    they_took_ = header.fwd_cnt;
    auto const op = static_cast<vmm::VsockOp>(header.op);
    if (op == vmm::VsockOp::kReset || op == vmm::VsockOp::kShutdown) die("the stream has ended");
    connected_ |= op == vmm::VsockOp::kResponse;
    if (op != vmm::VsockOp::kData) return 0;
    received_ += header.len;
    if (received_ - told_ >= kBuffer / 2) send_control(vmm::VsockOp::kCreditUpdate);
    return header.len;
}

}  // namespace krun::bench
