// SPDX-License-Identifier: Apache-2.0
// Keeps an address that DHCP gave: asks for more time when half of it is over, and then again and again
// (RFC 2131 §4.4.5). An address that nobody grants any more stays where it is, against the RFC: a payload
// that loses it has nothing left, one that keeps it mostly goes on. The log has a line about it.
#pragma once
#include <cstdint>
#include <memory>
#include <optional>

#include "base/event_loop.h"
#include "base/unique_fd.h"
#include "init/dhcp.h"
#include "init/dhcp_socket.h"

namespace krun::init {

class LeaseKeeper {
public:
    // `loop` outlives it; the lease begins now. Null for one that has no end.
    static Result<std::unique_ptr<LeaseKeeper>> make(EventLoop& loop, HeldLease held);
    ~LeaseKeeper();

private:
    // What a lease of no time at all comes to, and the shortest time between two questions without an answer.
    static constexpr int64_t kShortestSeconds = 1, kPauseSeconds = 60;

    LeaseKeeper(EventLoop& loop, HeldLease held, UniqueFd timer)
        : loop_(loop), held_(std::move(held)), timer_(std::move(timer)) {}

    void begin(uint32_t seconds);
    void due();
    Result<void> ask();
    void answered();
    void stop_asking();
    void ring_in(int64_t seconds);

    EventLoop& loop_;
    HeldLease const held_;
    UniqueFd const timer_;
    int64_t ends_at_ = 0;  // a second of CLOCK_BOOTTIME, which goes on while the machine is paused
    bool is_over_ = false;
    // While an answer is waited for.
    std::optional<DhcpSocket> socket_;
    std::optional<DhcpClient> client_;
};

}  // namespace krun::init
