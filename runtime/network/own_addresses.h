// SPDX-License-Identifier: Apache-2.0
// What processes in the namespace send to the container's own addresses reaches the guest, as it would reach
// a container without a machine: the port forwarder of rootless podman connects from there. The namespace's
// own stack gives up the addresses, finds the guest behind the tap interface, and speaks to it from an
// address that nobody else has. IPv4; the guest answers through its default route.
#pragma once
#include "base/error.h"
#include "runtime/network/interfaces.h"

namespace krun::runtime {

struct OwnAddress {
    uint32_t value;   // network byte order
    uint32_t source;  // from which the kernel sends there: the first address of the same network
};
std::vector<OwnAddress> own_addresses(Netlink const& netlink, HostInterface const& interface);

// `tap` is the number of the tap interface that has the frames of `interface`; what is put there goes with
// it.
Result<void> lead_own_addresses(Netlink const& netlink, HostInterface const& interface, int tap);

// Gives the namespace's own stack its addresses back, after the end of the tap interface.
void restore_own_addresses(Netlink const& netlink, HostInterface const& interface);

}  // namespace krun::runtime
