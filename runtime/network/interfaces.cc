// SPDX-License-Identifier: Apache-2.0
#include "runtime/network/interfaces.h"

#include <linux/if_link.h>
#include <net/if.h>
#include <net/if_arp.h>

#include <algorithm>

namespace krun::runtime {
namespace {

constexpr uint32_t kMaxMtu = 65535;  // what virtio-v1.2 §5.1.4 has room for

struct Link {
    ifinfomsg header;
    HostInterface interface;
    bool is_enslaved = false;
};

// The families that have something to say of an interface each have an attribute.
bool speaks_ipv6(std::span<std::byte const> families) {
    auto const list = netlink_attributes(families);
    return std::any_of(list.begin(), list.end(), [](auto const& one) { return one.type == AF_INET6; });
}

Link read_link(NetlinkMessage const& message) {
    Link link{.header = message.header<ifinfomsg>().value_or(ifinfomsg{}), .interface = {}};
    auto& out = link.interface;
    out.index = static_cast<uint32_t>(link.header.ifi_index);
    for (auto const& attribute : message.attributes<ifinfomsg>()) {
        if (attribute.type == IFLA_IFNAME) out.name = attribute.text();
        if (attribute.type == IFLA_MTU)
            out.mtu = static_cast<uint16_t>(std::min(attribute.as<uint32_t>().value_or(0), kMaxMtu));
        if (attribute.type == IFLA_ADDRESS)
            out.mac = attribute.as<std::array<uint8_t, 6>>().value_or(out.mac);
        if (attribute.type == IFLA_AF_SPEC) out.has_ipv6 = speaks_ipv6(attribute.value);
        if (attribute.type == IFLA_MASTER) link.is_enslaved = true;
    }
    return link;
}

}  // namespace

Result<std::vector<HostInterface>> list_interfaces(Netlink const& netlink,
                                                   std::vector<std::string>* passed_over) {
    auto const messages =
        TRY(netlink.list(NetlinkRequest(RTM_GETLINK, NLM_F_DUMP, ifinfomsg{}), "list network interfaces"));
    std::vector<HostInterface> out;
    for (auto const& message : messages) {
        auto link = read_link(message);
        bool const is_candidate = (link.header.ifi_flags & IFF_UP) != 0 &&
                                  (link.header.ifi_flags & IFF_LOOPBACK) == 0 && !link.is_enslaved &&
                                  !link.interface.name.starts_with(kTapPrefix);
        if (!is_candidate) continue;
        if (link.header.ifi_type == ARPHRD_ETHER)
            out.push_back(std::move(link.interface));
        else if (passed_over != nullptr)
            passed_over->push_back(std::move(link.interface.name));
    }
    std::sort(out.begin(), out.end(), [](auto const& a, auto const& b) { return a.index < b.index; });
    return out;
}

}  // namespace krun::runtime
