// SPDX-License-Identifier: Apache-2.0
// Filters at an interface's ingress (tc(8)): whose frames a guest gets, and which are for the namespace's own
// stack. The interface has an ingress or clsact qdisc.
#pragma once
#include <linux/pkt_cls.h>

#include <cstdint>
#include <span>

#include "runtime/network/netlink.h"

namespace krun::runtime {

// The lower number is asked first, and has one protocol.
enum class FilterPriority : uint32_t { kOwnStack = 1, kCopied = 2, kGuest = 3 };

struct IngressFilter {
    int interface;
    FilterPriority priority;
    uint16_t protocol;    // of linux/if_ether.h
    uint32_t handle = 0;  // by which it is known; 0: the kernel's choice
};

// All its frames leave by interface `to`.
Result<void> redirect_frames(Netlink const& netlink, IngressFilter const& filter, int to);
// A copy of each of its frames leaves by `to`; the frame itself is the own stack's.
Result<void> copy_frames(Netlink const& netlink, IngressFilter const& filter, int to);
// None of its frames is the own stack's; who listens by a packet socket has seen them before (packet(7)).
Result<void> drop_frames(Netlink const& netlink, IngressFilter const& filter);
// Frames that have all of these keys, from their network header, are the own stack's, whoever they are
// addressed to.
Result<void> keep_frames(Netlink const& netlink, IngressFilter const& filter,
                         std::span<tc_u32_key const> keys);

// Of the handle, or all of the priority and protocol.
Result<void> remove_filter(Netlink const& netlink, IngressFilter const& filter);
bool has_filters(Netlink const& netlink, int interface);

}  // namespace krun::runtime
