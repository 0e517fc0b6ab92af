// SPDX-License-Identifier: Apache-2.0
#include "runtime/network/shared_ports.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/fib_rules.h>
#include <linux/if_ether.h>
#include <netinet/in.h>

#include <algorithm>
#include <string>

#include "base/fd.h"
#include "runtime/network/address_route.h"
#include "runtime/network/ingress_filter.h"
#include "runtime/network/own_addresses.h"

namespace krun::runtime {
namespace {

// In which the addresses are local still; and the rule that what arrives looks there: "kr".
constexpr uint32_t kTable = 0x6b72;
constexpr uint32_t kRulePriority = 1;
constexpr uint32_t kLastPort = 65535;

// An IPv4 header's protocol, and behind a header without options the port that it is for.
constexpr int kProtocolOffset = 8;
constexpr uint32_t kProtocolMask = 0x00ff0000;
constexpr int kPortOffset = 20;
constexpr uint32_t kSharedPortBits = kFirstSharedPort;
static_assert(kFirstSharedPort == (kLastPort & 0xf000), "a mask has to tell the ports");

Result<void> take_ports_from_there() {
    auto const file = TRY(open_path("/proc/sys/net/ipv4/ip_local_port_range", O_WRONLY));
    return write_full(file.borrow(), std::to_string(kFirstSharedPort) + " " + std::to_string(kLastPort));
}

Result<void> keep_ports(Netlink const& netlink, int interface) {
    IngressFilter const filter{interface, FilterPriority::kOwnStack, ETH_P_IP};
    ignore(remove_filter(netlink, filter), "there may be none");
    for (uint32_t const protocol : {IPPROTO_TCP, IPPROTO_UDP}) {
        tc_u32_key const keys[] = {{.mask = htonl(kProtocolMask),
                                    .val = htonl(protocol << 16),
                                    .off = kProtocolOffset,
                                    .offmask = 0},
                                   {.mask = htonl(kSharedPortBits),
                                    .val = htonl(kSharedPortBits),
                                    .off = kPortOffset,
                                    .offmask = 0}};
        TRY(keep_frames(netlink, filter, keys));
    }
    return {};
}

// Who has which address, both want to know.
Result<void> copy_arp(Netlink const& netlink, int interface, int tap) {
    IngressFilter const filter{interface, FilterPriority::kCopied, ETH_P_ARP};
    ignore(remove_filter(netlink, filter), "there may be none");
    return copy_frames(netlink, filter, tap);
}

// What arrives for the addresses is for the own stack; what it sends itself goes on to the guest.
Result<void> receive(Netlink const& netlink, HostInterface const& interface) {
    for (auto const& address : own_addresses(netlink, interface)) {
        AddressRoute const route{
            .type = RTN_LOCAL, .address = address.value, .interface = interface.index, .table = kTable};
        TRY(netlink.carry_out(route_request(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE, route),
                              "network: keep an address for the namespace's own stack"));
    }
    fib_rule_hdr header{};
    header.family = AF_INET;
    header.table = RT_TABLE_COMPAT;
    header.action = FR_ACT_TO_TBL;
    NetlinkRequest request(RTM_NEWRULE, NLM_F_CREATE | NLM_F_EXCL, header);
    request.put(FRA_PRIORITY, kRulePriority).put(FRA_TABLE, kTable);
    auto added = netlink.carry_out(request.put(FRA_IIFNAME, std::string_view(interface.name)),
                                   "network: let the namespace's own stack receive");
    if (!added.ok() && added.error().sys_errno() != EEXIST) return added;
    return {};
}

}  // namespace

Result<void> share_ports(Netlink const& netlink, HostInterface const& interface, int tap) {
    auto const number = static_cast<int>(interface.index);
    TRY_WITH(take_ports_from_there(), "network: give the namespace's own stack its ports");
    TRY(keep_ports(netlink, number));
    TRY(copy_arp(netlink, number, tap));
    return receive(netlink, interface);
}

bool ports_are_shared(Netlink const& netlink) {
    fib_rule_hdr of{};
    of.family = AF_INET;
    auto const rules = netlink.list(NetlinkRequest(RTM_GETRULE, NLM_F_DUMP, of), "");
    if (!rules.ok()) return false;
    return std::any_of(rules.value().begin(), rules.value().end(), [](NetlinkMessage const& rule) {
        auto const attributes = rule.attributes<fib_rule_hdr>();
        return std::any_of(attributes.begin(), attributes.end(), [](auto const& one) {
            return one.type == FRA_TABLE && one.template as<uint32_t>() == kTable;
        });
    });
}

}  // namespace krun::runtime
