// SPDX-License-Identifier: Apache-2.0
// What carries a network interface's frames on the host: one file for each kind. Owned by one net device
// and used on one thread of it, except where said. Nothing here blocks.
#pragma once
#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/error.h"
#include "base/unique_fd.h"

namespace krun::vmm {

class NetBackend {
public:
    virtual ~NetBackend() = default;

    // Which of kNetGuestOffloads and kNetHostOffloads (net_protocol.h) it can do. Constant; any thread.
    virtual uint64_t offloads() const = 0;
    // Those that the driver has accepted: before the first frame, and again after a reset.
    virtual Result<void> use(uint64_t offloads) = 0;
    // Of several that carry one interface's frames: whether it is given any of them. When this returns after
    // `on` = false, receive() has nothing more. Any thread, one at a time.
    virtual Result<void> attach(bool /*on*/) { return {}; }
    // Readable or writable when receive() or send() may do better than kBlocked.
    virtual BorrowedFd fd() const = 0;

    enum class Outcome {
        kMoved,
        kBlocked,
        kRefused,  // this frame only: it is lost, as frames may be
        kEnded,    // there is no other side any more
    };
    struct Transfer {
        Outcome outcome;
        size_t bytes;  // with kMoved
    };
    // `parts` are a NetHeader and a frame, in pieces of any size; at most IOV_MAX of them.
    virtual Outcome send(std::span<iovec const> parts) = 0;
    // Goes on with a frame that send() has taken in part. kMoved: nothing is left of it.
    virtual Outcome carry_on() { return Outcome::kMoved; }
    // Fills `parts` with a NetHeader, whose `buffers` is the caller's, and one frame; a longer one is cut or
    // lost. Until one has been moved, or use() has been called, the next call's `parts` begin with the same.
    virtual Transfer receive(std::span<iovec const> parts) = 0;
    // Whether receive() may do better than kBlocked although fd() is not readable.
    virtual bool holds_frames() const { return false; }
    // Asked when fd() reports an error or has hung up: whether there is no other side any more.
    virtual bool has_ended() { return true; }
};

}  // namespace krun::vmm
