// SPDX-License-Identifier: Apache-2.0
// One vsock stream's protocol state (virtio-v1.2 §5.10.6): what a packet of the guest means and which
// packet we owe it. Owns no descriptor, no buffer and no queue.
//
//   requesting -> requested --+
//   accepting ----------------+-> open -> over          resetting -> over  (from any; we owe a RST)
//
// In `open` each direction ends by itself. When both have ended the last packet goes out and nothing of the
// stream is kept: the guest's RST (§5.10.6.6) then meets an unknown stream and is ignored, which needs no
// timer. A direction without a host descriptor is not announced as ended while the other one lives. So for
// a stream that only carries output, the guest reads end-of-file exactly when its last byte was delivered.
#pragma once
#include <cstdint>
#include <optional>

#include "vmm/device/vsock_credit.h"
#include "vmm/device/vsock_packet.h"

namespace krun::vmm {

class VsockStream {
public:
    enum class Opener { kGuest, kHost };
    // Whether the host has something to read from, and somewhere to write to.
    struct Directions {
        bool to_guest;
        bool to_host;
    };
    // `window`: bytes that the guest may send before we have passed any on.
    VsockStream(Opener opener, Directions directions, uint32_t window);

    // A packet of the guest for this stream. True: its payload (header.len bytes) is within the window
    // and has to be delivered, with delivered() to follow; otherwise the payload is to be ignored.
    bool on_packet(VsockHeader const& header);

    // The host's descriptor for the guest ended.
    void source_ended();
    // Nobody reads what the guest sends: its writers are to get EPIPE.
    void sink_gone();
    // So many bytes left our hands; the window opens by as much.
    void delivered(uint32_t bytes);
    // Everything that the guest sent before its end of sending has been delivered.
    void sink_finished();
    // The guest broke a rule.
    void reset();

    struct Control {
        VsockOp op;
        uint32_t flags;
    };
    // The next packet without payload that we owe, taken as sent. Empty if there is none.
    std::optional<Control> take_control();
    bool owes_control() const;
    // Payload bytes that may be sent now.
    uint32_t may_send() const;
    void sent(uint32_t bytes) { credit_.sent(bytes); }
    // Fills the header's credit fields, which every packet carries (§5.10.6.3).
    void put_credit(VsockHeader& header);

    bool guest_sends() const { return guest_sends_; }
    bool guest_reads() const { return guest_reads_; }
    bool over() const { return phase_ == Phase::kOver; }

private:
    enum class Phase { kRequesting, kRequested, kAccepting, kOpen, kResetting, kOver };

    bool on_open(VsockHeader const& header);
    bool on_data(uint32_t bytes);
    void on_shutdown(uint32_t flags);
    bool both_ended() const { return source_done_ && sink_done_; }
    uint32_t shutdown_due() const;

    Phase phase_;
    SendCredit credit_;
    ReceiveWindow window_;
    bool guest_sends_ = true;
    bool guest_reads_ = true;
    bool source_done_;        // nothing more goes to the guest
    bool sink_done_;          // nothing more goes to the host
    uint32_t ended_ = 0;      // flags of a SHUTDOWN that the guest should hear of
    uint32_t announced_ = 0;  // those it has heard of
    bool credit_asked_ = false;
};

}  // namespace krun::vmm
