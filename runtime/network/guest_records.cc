// SPDX-License-Identifier: Apache-2.0
#include "runtime/network/guest_records.h"

#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <net/if.h>

#include <algorithm>
#include <iterator>
#include <optional>

#include "base/fd.h"
#include "runtime/network/interface_sysctl.h"

namespace krun::runtime {
namespace {

using control::NetworkFixup;

static_assert(offsetof(ifinfomsg, ifi_index) == 4 && offsetof(ifaddrmsg, ifa_index) == 4 &&
              offsetof(ndmsg, ndm_ifindex) == 4);

// What engines and plug-ins set in a namespace, beyond what concerns one interface.
constexpr char const* kCommonSysctls[] = {
    "net/core/somaxconn",
    "net/ipv4/ip_forward",
    "net/ipv4/ip_unprivileged_port_start",
    "net/ipv4/ip_local_port_range",
    "net/ipv4/ip_nonlocal_bind",
    "net/ipv4/ping_group_range",
    "net/ipv6/bindv6only",
    "net/ipv6/ip_nonlocal_bind",
    "net/ipv6/conf/all/disable_ipv6",
    "net/ipv6/conf/default/disable_ipv6",
    "net/ipv6/conf/all/forwarding",
    "net/ipv6/conf/lo/disable_ipv6",
    "net/ipv4/conf/all/rp_filter",
    "net/ipv4/conf/all/arp_notify",
};
// Of one interface, before it comes up.
constexpr char const* kInterfaceSysctls[] = {
    "net/ipv4/conf/*/accept_local", "net/ipv4/conf/*/arp_announce",   "net/ipv4/conf/*/arp_ignore",
    "net/ipv4/conf/*/arp_notify",   "net/ipv4/conf/*/forwarding",     "net/ipv4/conf/*/proxy_arp",
    "net/ipv4/conf/*/rp_filter",    "net/ipv4/conf/*/route_localnet", "net/ipv6/conf/*/disable_ipv6",
    "net/ipv6/conf/*/accept_ra",    "net/ipv6/conf/*/accept_dad",     "net/ipv6/conf/*/autoconf",
    "net/ipv6/conf/*/forwarding",   "net/ipv6/conf/*/proxy_ndp",
};

std::string named(std::string path, std::string const& interface) {
    return path.replace(path.find('*'), 1, interface);
}

std::optional<std::string> read_sysctl(std::string const& path) {
    auto value = read_file("/proc/sys/" + path, 4096);
    if (!value.ok()) return std::nullopt;
    auto text = std::move(value).value();
    while (!text.empty() && text.back() == '\n') text.pop_back();
    return text;
}

class Planner {
public:
    Planner(Netlink const& netlink, std::vector<HostInterface> const& interfaces,
            std::map<std::string, std::string> const& asked)
        : netlink_(netlink), interfaces_(interfaces), asked_(asked) {}

    Result<NetworkPlan> plan();

private:
    // The guest's number for the host's interface, as the frame counts them.
    std::optional<uint16_t> place_of(uint32_t index) const;
    void copy_sysctl(NetworkRecords& out, std::string const& path) const;
    std::vector<std::byte> appear(HostInterface const& interface, uint16_t place) const;
    Result<void> add_addresses(NetworkRecords& out) const;
    void add_address(NetworkRecords& out, NetlinkMessage const& message) const;
    Result<void> add_routes(NetworkRecords& out) const;
    void add_route(NetworkRecords& out, NetlinkMessage const& message) const;
    bool add_hops(NetlinkRequest& request, std::span<std::byte const> hops,
                  std::vector<NetworkFixup>& fixups) const;
    Result<void> add_neighbours(NetworkRecords& out) const;

    Netlink const& netlink_;
    std::vector<HostInterface> const& interfaces_;
    std::map<std::string, std::string> const& asked_;
};

std::optional<uint16_t> Planner::place_of(uint32_t index) const {
    auto const found = std::find_if(interfaces_.begin(), interfaces_.end(),
                                    [&](HostInterface const& one) { return one.index == index; });
    if (found == interfaces_.end()) return std::nullopt;
    return static_cast<uint16_t>(found - interfaces_.begin());
}

void Planner::copy_sysctl(NetworkRecords& out, std::string const& path) const {
    if (asked_.contains(path)) return;
    if (auto const value = read_sysctl(path)) out.sysctl(path, *value, false);
}

// Its name and what it must be told before it comes up; then up, without addresses of the kernel's making.
std::vector<std::byte> Planner::appear(HostInterface const& interface, uint16_t place) const {
    NetworkRecords out;
    NetworkFixup const fixup[] = {{place, kInterfaceFixup}};
    NetlinkRequest name(RTM_SETLINK, NLM_F_ACK, ifinfomsg{});
    name.put(IFLA_IFNAME, interface.name);
    out.request(name, fixup);
    for (auto const* path : kInterfaceSysctls) copy_sysctl(out, named(path, interface.name));
    for (auto const& [path, value] : asked_)
        if (is_sysctl_of(path, interface.name)) out.sysctl(path, value, true);
    NetlinkRequest quiet(RTM_SETLINK, NLM_F_ACK, ifinfomsg{});
    auto const families = quiet.begin(IFLA_AF_SPEC);
    auto const ipv6 = quiet.begin(AF_INET6);
    quiet.put(IFLA_INET6_ADDR_GEN_MODE, uint8_t{IN6_ADDR_GEN_MODE_NONE});
    quiet.end(ipv6);
    quiet.end(families);
    if (interface.has_ipv6) out.request(quiet, fixup);
    ifinfomsg up{};
    up.ifi_flags = up.ifi_change = IFF_UP;
    out.request(NetlinkRequest(RTM_SETLINK, NLM_F_ACK, up), fixup);
    return std::move(out).take();
}

Result<void> Planner::add_addresses(NetworkRecords& out) const {
    auto const messages =
        TRY(netlink_.list(NetlinkRequest(RTM_GETADDR, NLM_F_DUMP, ifaddrmsg{}), "network: list addresses"));
    auto const is_ipv6 = [](NetlinkMessage const& message) {
        auto const header = message.header<ifaddrmsg>();
        return header && header->ifa_family == AF_INET6;
    };
    for (auto const& message : messages)
        if (!is_ipv6(message)) add_address(out, message);
    // These are listed with the newest first.
    for (auto message = messages.rbegin(); message != messages.rend(); ++message)
        if (is_ipv6(*message)) add_address(out, *message);
    return {};
}

// The namespace's stack has found the address to be its own alone: nobody has to be asked again (RFC 4862
// §5.4). Temporary ones (RFC 8981) the guest's kernel makes itself.
void Planner::add_address(NetworkRecords& out, NetlinkMessage const& message) const {
    auto header = message.header<ifaddrmsg>().value_or(ifaddrmsg{});
    auto const place = place_of(header.ifa_index);
    bool const is_ipv6 = header.ifa_family == AF_INET6;
    auto const attributes = message.attributes<ifaddrmsg>();
    uint32_t flags = header.ifa_flags;
    for (auto const& one : attributes)
        if (one.type == IFA_FLAGS) flags = one.as<uint32_t>().value_or(flags);
    if (!place || (is_ipv6 && ((flags & IFA_F_TEMPORARY) != 0 || !interfaces_[*place].has_ipv6))) return;
    header.ifa_flags = 0;
    NetlinkRequest request(RTM_NEWADDR, NLM_F_ACK | NLM_F_CREATE | NLM_F_REPLACE, header);
    for (auto const& one : attributes) {
        bool const kept = one.type == IFA_LOCAL || one.type == IFA_ADDRESS || one.type == IFA_BROADCAST ||
                          one.type == IFA_LABEL || one.type == IFA_RT_PRIORITY ||
                          (one.type == IFA_CACHEINFO && (flags & IFA_F_PERMANENT) == 0);
        if (kept) request.put(one.type, one.value);
    }
    flags &= IFA_F_NOPREFIXROUTE | IFA_F_MANAGETEMPADDR | IFA_F_MCAUTOJOIN | IFA_F_HOMEADDRESS;
    request.put(IFA_FLAGS, is_ipv6 ? flags | IFA_F_NODAD : flags);
    NetworkFixup const fixup[] = {{*place, kInterfaceFixup}};
    out.request(request, fixup);
}

// What leads to a gateway comes after what the gateway is reached by.
Result<void> Planner::add_routes(NetworkRecords& out) const {
    bool const has_ipv6 =
        std::any_of(interfaces_.begin(), interfaces_.end(), [](auto const& one) { return one.has_ipv6; });
    for (int const family : {AF_INET, AF_INET6}) {
        if (family == AF_INET6 && !has_ipv6) continue;
        rtmsg of{};
        of.rtm_family = static_cast<unsigned char>(family);
        auto messages =
            TRY(netlink_.list(NetlinkRequest(RTM_GETROUTE, NLM_F_DUMP, of), "network: list routes"));
        std::stable_partition(messages.begin(), messages.end(), [](NetlinkMessage const& message) {
            auto const attributes = message.attributes<rtmsg>();
            return std::none_of(attributes.begin(), attributes.end(), [](auto const& one) {
                return one.type == RTA_GATEWAY || one.type == RTA_VIA || one.type == RTA_MULTIPATH;
            });
        });
        for (auto const& message : messages) add_route(out, message);
    }
    return {};
}

// Those that the kernel makes itself come with their addresses.
void Planner::add_route(NetworkRecords& out, NetlinkMessage const& message) const {
    auto header = message.header<rtmsg>().value_or(rtmsg{});
    if (header.rtm_table != RT_TABLE_MAIN || header.rtm_protocol == RTPROT_KERNEL ||
        (header.rtm_flags & RTM_F_CLONED) != 0)
        return;
    header.rtm_flags &= RTNH_F_ONLINK;
    NetlinkRequest request(RTM_NEWROUTE, NLM_F_ACK | NLM_F_CREATE | NLM_F_APPEND, header);
    std::vector<NetworkFixup> fixups;
    for (auto const& one : message.attributes<rtmsg>()) {
        switch (one.type) {
            case RTA_OIF: {
                if (header.rtm_type != RTN_UNICAST) break;  // loopback, where nothing leaves
                auto const place = place_of(one.as<uint32_t>().value_or(0));
                if (!place) return;
                fixups.push_back({*place, static_cast<uint16_t>(request.next_value())});
                request.put(RTA_OIF, one.value);
                break;
            }
            case RTA_MULTIPATH:
                if (!add_hops(request, one.value, fixups)) return;
                break;
            case RTA_DST:
            case RTA_SRC:
            case RTA_GATEWAY:
            case RTA_VIA:
            case RTA_PREFSRC:
            case RTA_PRIORITY:
            case RTA_METRICS:
            case RTA_PREF:
            case RTA_TABLE:
                request.put(one.type, one.value);
                break;
            default:
                break;
        }
    }
    out.request(request, fixups);
}

// rtnetlink(7), RTA_MULTIPATH: an rtnexthop for each, with attributes.
bool Planner::add_hops(NetlinkRequest& request, std::span<std::byte const> hops,
                       std::vector<NetworkFixup>& fixups) const {
    size_t at = 0;
    while (auto const hop = ByteReader(hops.subspan(at)).take<rtnexthop>()) {
        auto const place = place_of(static_cast<uint32_t>(hop->rtnh_ifindex));
        if (!place || hop->rtnh_len < sizeof(rtnexthop) || hop->rtnh_len > hops.size() - at) return false;
        fixups.push_back(
            {*place, static_cast<uint16_t>(request.next_value() + at + offsetof(rtnexthop, rtnh_ifindex))});
        at += std::min<size_t>(RTNH_ALIGN(hop->rtnh_len), hops.size() - at);
    }
    request.put(RTA_MULTIPATH, hops);
    return true;
}

Result<void> Planner::add_neighbours(NetworkRecords& out) const {
    auto const messages =
        TRY(netlink_.list(NetlinkRequest(RTM_GETNEIGH, NLM_F_DUMP, ndmsg{}), "network: list neighbours"));
    for (auto const& message : messages) {
        auto const header = message.header<ndmsg>().value_or(ndmsg{});
        auto const place = place_of(static_cast<uint32_t>(header.ndm_ifindex));
        if (!place || (header.ndm_state & NUD_PERMANENT) == 0) continue;
        NetlinkRequest request(RTM_NEWNEIGH, NLM_F_ACK | NLM_F_CREATE | NLM_F_REPLACE, header);
        for (auto const& one : message.attributes<ndmsg>())
            if (one.type == NDA_DST || one.type == NDA_LLADDR) request.put(one.type, one.value);
        NetworkFixup const fixup[] = {{*place, kInterfaceFixup}};
        out.request(request, fixup);
    }
    return {};
}

Result<NetworkPlan> Planner::plan() {
    NetworkPlan plan;
    NetworkRecords first;  // what is set for all interfaces is set for each that is there
    for (auto const* path : kCommonSysctls) copy_sysctl(first, path);
    plan.first = std::move(first).take();
    for (auto const& one : interfaces_) {
        auto const place = static_cast<uint16_t>(plan.interfaces.size());
        plan.interfaces.push_back({one.mac, one.mtu, NetworkBackend::kTap, appear(one, place)});
    }
    NetworkRecords out;
    TRY(add_addresses(out));
    TRY(add_routes(out));
    TRY(add_neighbours(out));
    plan.last = std::move(out).take();
    return plan;
}

}  // namespace

Result<NetworkPlan> plan_for_guest(Netlink const& netlink, std::vector<HostInterface> const& interfaces,
                                   std::map<std::string, std::string> const& asked) {
    return Planner(netlink, interfaces, asked).plan();
}

}  // namespace krun::runtime
