// SPDX-License-Identifier: Apache-2.0
#include "runtime/network/address_route.h"

#include <sys/socket.h>

namespace krun::runtime {

NetlinkRequest route_request(uint16_t type, uint16_t flags, AddressRoute const& route) {
    rtmsg header{};
    header.rtm_family = AF_INET;
    header.rtm_dst_len = 32;
    header.rtm_protocol = route.protocol;
    header.rtm_scope = route.type == RTN_LOCAL ? RT_SCOPE_HOST : RT_SCOPE_LINK;
    header.rtm_type = route.type;
    NetlinkRequest request(type, flags, header);
    request.put(RTA_DST, route.address).put(RTA_OIF, route.interface).put(RTA_TABLE, route.table);
    if (route.source != 0) request.put(RTA_PREFSRC, route.source);
    return request;
}

}  // namespace krun::runtime
