// SPDX-License-Identifier: Apache-2.0
#include "vmm/device/vsock_stream.h"

namespace krun::vmm {

VsockStream::VsockStream(Opener opener, Directions directions, uint32_t window)
    : phase_(opener == Opener::kGuest ? Phase::kAccepting : Phase::kRequesting),
      window_(window),
      source_done_(!directions.to_guest),
      sink_done_(!directions.to_host) {}

bool VsockStream::on_packet(VsockHeader const& header) {
    if (phase_ == Phase::kResetting || phase_ == Phase::kOver) return false;
    credit_.peer_says(header.buf_alloc, header.fwd_cnt);
    switch (static_cast<VsockOp>(header.op)) {
        case VsockOp::kReset:
            phase_ = Phase::kOver;
            guest_sends_ = false;
            guest_reads_ = false;
            return false;
        case VsockOp::kResponse:
            if (phase_ != Phase::kRequested) break;
            phase_ = Phase::kOpen;
            return false;
        case VsockOp::kCreditUpdate:
            return false;
        case VsockOp::kCreditRequest:
            credit_asked_ = true;
            return false;
        case VsockOp::kData:
        case VsockOp::kShutdown:
            if (phase_ != Phase::kOpen) break;  // before RESPONSE there is no stream to use
            return on_open(header);
        case VsockOp::kRequest:
            if (phase_ != Phase::kAccepting) break;
            return false;  // the one that made this stream, or a repetition before our RESPONSE
    }
    reset();  // §5.10.6.4: an operation that does not fit the state, or none that we know
    return false;
}

bool VsockStream::on_open(VsockHeader const& header) {
    if (static_cast<VsockOp>(header.op) == VsockOp::kData) return on_data(header.len);
    on_shutdown(header.flags);
    return false;
}

bool VsockStream::on_data(uint32_t bytes) {
    if (!guest_sends_ || !window_.received(bytes)) {
        reset();  // data after SHUTDOWN(SEND), or beyond its credit
        return false;
    }
    if (!sink_done_) return true;
    window_.forward(bytes);    // to nowhere: the guest may not have heard yet that we stopped reading
    ended_ |= kNoMoreReceive;  // ... or was never told, where the host had no reader from the start
    return false;
}

void VsockStream::on_shutdown(uint32_t flags) {
    if (flags & kNoMoreSend) guest_sends_ = false;
    if (flags & kNoMoreReceive) {
        guest_reads_ = false;
        source_done_ = true;
    }
}

void VsockStream::source_ended() {
    source_done_ = true;
    ended_ |= kNoMoreSend;
}

void VsockStream::sink_gone() {
    sink_done_ = true;
    window_.forward(window_.held());
    ended_ |= kNoMoreReceive;
}

void VsockStream::delivered(uint32_t bytes) {
    window_.forward(bytes);
}

void VsockStream::sink_finished() {
    sink_done_ = true;
}

void VsockStream::reset() {
    if (phase_ == Phase::kOver) return;
    phase_ = Phase::kResetting;
    guest_sends_ = false;
    guest_reads_ = false;
}

uint32_t VsockStream::shutdown_due() const {
    if (both_ended()) return kNoMoreSend | kNoMoreReceive;
    return ended_ & ~announced_;
}

bool VsockStream::owes_control() const {
    switch (phase_) {
        case Phase::kRequesting:
        case Phase::kAccepting:
        case Phase::kResetting:
            return true;
        case Phase::kOpen:
            return credit_asked_ || window_.update_due() || shutdown_due() != 0;
        case Phase::kRequested:
        case Phase::kOver:
            return false;
    }
    return false;
}

std::optional<VsockStream::Control> VsockStream::take_control() {
    if (!owes_control()) return std::nullopt;
    if (phase_ == Phase::kRequesting) {
        phase_ = Phase::kRequested;
        return Control{VsockOp::kRequest, 0};
    }
    if (phase_ == Phase::kAccepting) {
        phase_ = Phase::kOpen;
        return Control{VsockOp::kResponse, 0};
    }
    if (phase_ == Phase::kResetting) {
        phase_ = Phase::kOver;
        return Control{VsockOp::kReset, 0};
    }
    if (both_ended()) {
        // §5.10.6.6: a guest that ended both directions itself expects RST; one that did not will answer
        // our SHUTDOWN with its own.
        phase_ = Phase::kOver;
        bool const guest_closed = !guest_sends_ && !guest_reads_;
        if (guest_closed) return Control{VsockOp::kReset, 0};
        return Control{VsockOp::kShutdown, kNoMoreSend | kNoMoreReceive};
    }
    if (uint32_t const flags = shutdown_due(); flags != 0) {
        announced_ |= flags;
        return Control{VsockOp::kShutdown, announced_};
    }
    credit_asked_ = false;
    return Control{VsockOp::kCreditUpdate, 0};
}

uint32_t VsockStream::may_send() const {
    return phase_ == Phase::kOpen && !source_done_ ? credit_.available() : 0;
}

void VsockStream::put_credit(VsockHeader& header) {
    header.buf_alloc = window_.bytes();
    header.fwd_cnt = window_.forwarded();
    window_.told();
}

}  // namespace krun::vmm
