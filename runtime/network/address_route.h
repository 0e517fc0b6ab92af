// SPDX-License-Identifier: Apache-2.0
// A route to one IPv4 address, as a namespace's stack is asked for it.
#pragma once
#include <cstdint>

#include "runtime/network/netlink.h"

namespace krun::runtime {

struct AddressRoute {
    unsigned char
        type;  // RTN_LOCAL: the stack itself has the address; RTN_UNICAST: it is at the interface's link
    uint32_t address;  // network byte order
    uint32_t interface;
    uint32_t table = RT_TABLE_MAIN;
    unsigned char protocol = RTPROT_STATIC;
    uint32_t source = 0;  // from which the stack sends there, network byte order; 0: it chooses
};

// `type` is RTM_NEWROUTE or RTM_DELROUTE, `flags` as for NetlinkRequest.
NetlinkRequest route_request(uint16_t type, uint16_t flags, AddressRoute const& route);

}  // namespace krun::runtime
