// SPDX-License-Identifier: Apache-2.0
#include "runtime/network/own_addresses.h"

#include <arpa/inet.h>
#include <linux/if_addr.h>
#include <linux/if_ether.h>
#include <linux/if_link.h>
#include <linux/ip.h>
#include <linux/neighbour.h>

#include <algorithm>

#include "runtime/network/address_route.h"
#include "runtime/network/ingress_filter.h"

namespace krun::runtime {
namespace {

// The namespace's stack, as the guest sees it: link-local (RFC 3927), but without a link of its own.
constexpr uint32_t kOwnStack = 0xA9FE6B72;  // 169.254.107.114
constexpr int kDestinationOffset = 16;      // in an IPv4 header
constexpr uint8_t kWholeAddress = 32;

uint32_t network_of(uint32_t address, uint8_t prefix_bits) {
    return prefix_bits == 0 ? 0 : ntohl(address) >> (32 - prefix_bits);
}

// Frames of the guest's for the namespace's stack come with the MAC address of a gateway, as the guest knows
// no other way.
Result<void> let_in(Netlink const& netlink, int tap) {
    tc_u32_key const key{
        .mask = UINT32_MAX, .val = htonl(kOwnStack), .off = kDestinationOffset, .offmask = 0};
    return keep_frames(netlink, {tap, FilterPriority::kOwnStack, ETH_P_IP}, {&key, 1});
}

// Nor would the stack believe that what has one of its addresses comes from elsewhere.
Result<void> believe(Netlink const& netlink, int tap) {
    ifinfomsg header{};
    header.ifi_index = tap;
    NetlinkRequest request(RTM_SETLINK, 0, header);
    auto const families = request.begin(IFLA_AF_SPEC);
    auto const ipv4 = request.begin(AF_INET);
    auto const settings = request.begin(IFLA_INET_CONF);
    request.put(IPV4_DEVCONF_ACCEPT_LOCAL, uint32_t{1});
    for (auto const begun : {settings, ipv4, families}) request.end(begun);
    return netlink.carry_out(request, "network: let the tap interface have the namespace's addresses");
}

Result<void> add_own_stack(Netlink const& netlink, int tap) {
    ifaddrmsg header{};
    header.ifa_family = AF_INET;
    header.ifa_prefixlen = kWholeAddress;
    header.ifa_scope = RT_SCOPE_LINK;
    header.ifa_index = static_cast<uint32_t>(tap);
    NetlinkRequest request(RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, header);
    request.put(IFA_LOCAL, htonl(kOwnStack)).put(IFA_ADDRESS, htonl(kOwnStack));
    return netlink.carry_out(request, "network: give the tap interface an address");
}

Result<void> add_neighbour(Netlink const& netlink, HostInterface const& interface, int tap,
                           uint32_t address) {
    ndmsg header{};
    header.ndm_family = AF_INET;
    header.ndm_ifindex = tap;
    header.ndm_state = NUD_PERMANENT;
    NetlinkRequest request(RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE, header);
    request.put(NDA_DST, address).put(NDA_LLADDR, interface.mac);
    return netlink.carry_out(request, "network: tell the namespace the guest's MAC address");
}

Result<void> add_route(Netlink const& netlink, int tap, uint32_t address) {
    AddressRoute const route{.type = RTN_UNICAST,
                             .address = address,
                             .interface = static_cast<uint32_t>(tap),
                             .source = htonl(kOwnStack)};
    return netlink.carry_out(route_request(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, route),
                             "network: a way from the namespace to the guest");
}

// As the kernel makes it with the address.
AddressRoute local_route(HostInterface const& interface, OwnAddress const& address) {
    return {.type = RTN_LOCAL,
            .address = address.value,
            .interface = interface.index,
            .table = RT_TABLE_LOCAL,
            .protocol = RTPROT_KERNEL,
            .source = address.source};
}

}  // namespace

std::vector<OwnAddress> own_addresses(Netlink const& netlink, HostInterface const& interface) {
    ifaddrmsg of{};
    of.ifa_family = AF_INET;
    auto const messages = netlink.list(NetlinkRequest(RTM_GETADDR, NLM_F_DUMP, of), "");
    std::vector<OwnAddress> out;
    if (!messages.ok()) return out;
    for (auto const& message : messages.value()) {
        auto const header = message.header<ifaddrmsg>();
        if (!header || header->ifa_index != interface.index) continue;
        for (auto const& one : message.attributes<ifaddrmsg>()) {
            auto const value = one.as<uint32_t>();
            if (one.type != IFA_LOCAL || !value) continue;
            auto const bits = header->ifa_prefixlen;
            auto const first = std::find_if(out.begin(), out.end(), [&](OwnAddress const& other) {
                return network_of(other.value, bits) == network_of(*value, bits);
            });
            bool const is_secondary = (header->ifa_flags & IFA_F_SECONDARY) != 0 && first != out.end();
            out.push_back({*value, is_secondary ? first->source : *value});
        }
    }
    return out;
}

Result<void> lead_own_addresses(Netlink const& netlink, HostInterface const& interface, int tap) {
    TRY(let_in(netlink, tap));
    TRY(believe(netlink, tap));
    TRY(add_own_stack(netlink, tap));
    for (auto const& address : own_addresses(netlink, interface)) {
        TRY(add_neighbour(netlink, interface, tap, address.value));
        TRY(add_route(netlink, tap, address.value));
        TRY(netlink.carry_out(route_request(RTM_DELROUTE, 0, local_route(interface, address)),
                              "network: take an address from the namespace's own stack"));
    }
    return {};
}

void restore_own_addresses(Netlink const& netlink, HostInterface const& interface) {
    for (auto const& address : own_addresses(netlink, interface)) {
        auto const request =
            route_request(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, local_route(interface, address));
        ignore(netlink.carry_out(request, ""), "it was not taken");
    }
}

}  // namespace krun::runtime
