// SPDX-License-Identifier: Apache-2.0
// A namespace whose interfaces one machine has, and in which passt speaks for others by sockets of the
// namespace's own stack, from the same addresses: that stack gets the TCP and UDP ports from kFirstSharedPort
// on, and takes its own from there. IPv4.
#pragma once
#include "base/error.h"
#include "runtime/network/interfaces.h"

namespace krun::runtime {

inline constexpr uint32_t kFirstSharedPort = 61440;  // 0xf000

// For a namespace of which a machine has `interface`, by the tap interface of number `tap`; again for the
// next machine that has it. What is put there stays as long as the namespace.
Result<void> share_ports(Netlink const& netlink, HostInterface const& interface, int tap);
bool ports_are_shared(Netlink const& netlink);

}  // namespace krun::runtime
