// SPDX-License-Identifier: Apache-2.0
#include "runtime/network/redirect.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_link.h>
#include <linux/if_tun.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/tc_act/tc_mirred.h>
#include <net/if.h>
#include <sys/ioctl.h>

#include <algorithm>
#include <cerrno>

#include "base/fd.h"
#include "runtime/network/own_addresses.h"
#include "vmm/device/net_protocol.h"

namespace krun::runtime {
namespace {

// By which a filter is known to be ours: "krun".
constexpr uint32_t kFilterHandle = 0x6b72756e;
constexpr uint32_t kFilterPriority = kOwnStackPriority + 1;
constexpr uint32_t kIngress = TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_INGRESS);

std::string tap_name(HostInterface const& interface) {
    return kTapPrefix + std::to_string(interface.index);
}

Result<UniqueFd> open_tap(std::string const& name, std::string const& of) {
    auto opened = open_path("/dev/net/tun", O_RDWR | O_NONBLOCK);
    if (!opened.ok()) return fail(std::move(opened).error().with("network: a tap interface"));
    UniqueFd tap = std::move(opened).value();
    ifreq request{};
    name.copy(request.ifr_name, IFNAMSIZ - 1);
    request.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR;
    if (::ioctl(tap.borrow().raw(), TUNSETIFF, &request) < 0) {
        if (errno == EBUSY) return fail(Error(Errc::kBadState, "network: another machine has " + of));
        return fail(Error::sys("network: make tap interface " + name));
    }
    int header = sizeof(vmm::NetHeader);
    if (::ioctl(tap.borrow().raw(), TUNSETVNETHDRSZ, &header) < 0)
        return fail(Error::sys("network: set the tap interface's header"));
    return tap;
}

Result<int> index_of(Netlink const& netlink, std::string const& name) {
    ifreq request{};
    name.copy(request.ifr_name, IFNAMSIZ - 1);
    if (::ioctl(netlink.fd().raw(), SIOCGIFINDEX, &request) < 0)
        return fail(Error::sys("network: find tap interface " + name));
    return request.ifr_ifindex;
}

// Up, and silent: the namespace's stack must not speak on it.
Result<void> prepare_tap(Netlink const& netlink, int tap, uint32_t mtu) {
    ifinfomsg link{};
    link.ifi_index = tap;
    NetlinkRequest quiet(RTM_SETLINK, 0, link);
    auto const families = quiet.begin(IFLA_AF_SPEC);
    auto const ipv6 = quiet.begin(AF_INET6);
    quiet.put(IFLA_INET6_ADDR_GEN_MODE, uint8_t{IN6_ADDR_GEN_MODE_NONE});
    quiet.end(ipv6);
    quiet.end(families);
    ignore(netlink.carry_out(quiet, ""), "a kernel without IPv6 says nothing either");
    link.ifi_flags = link.ifi_change = IFF_UP | IFF_NOARP;
    NetlinkRequest up(RTM_SETLINK, 0, link);
    return netlink.carry_out(up.put(IFLA_MTU, mtu), "network: bring up the tap interface");
}

tcmsg at_ingress(int interface) {
    tcmsg out{};
    out.tcm_ifindex = interface;
    out.tcm_parent = kIngress;
    return out;
}

tcmsg ingress_of(int interface) {
    tcmsg out{};
    out.tcm_ifindex = interface;
    out.tcm_handle = TC_H_MAKE(TC_H_INGRESS, 0);
    out.tcm_parent = TC_H_INGRESS;
    return out;
}

tcmsg filter_at(int interface) {
    tcmsg out = at_ingress(interface);
    out.tcm_handle = kFilterHandle;
    out.tcm_info = TC_H_MAKE(kFilterPriority << 16, htons(ETH_P_ALL));
    return out;
}

Result<void> remove_filter(Netlink const& netlink, int interface) {
    NetlinkRequest request(RTM_DELTFILTER, 0, filter_at(interface));
    return netlink.carry_out(request.put(TCA_KIND, std::string_view("matchall")), "");
}

Result<void> add_filter(Netlink const& netlink, int from, int to) {
    NetlinkRequest request(RTM_NEWTFILTER, NLM_F_CREATE | NLM_F_EXCL, filter_at(from));
    request.put(TCA_KIND, std::string_view("matchall"));
    auto const options = request.begin(TCA_OPTIONS);
    auto const actions = request.begin(TCA_MATCHALL_ACT);
    auto const first = request.begin(1);
    request.put(TCA_ACT_KIND, std::string_view("mirred"));
    auto const mirred = request.begin(TCA_ACT_OPTIONS);
    tc_mirred redirect{};
    redirect.action = TC_ACT_STOLEN;
    redirect.eaction = TCA_EGRESS_REDIR;
    redirect.ifindex = static_cast<uint32_t>(to);
    request.put(TCA_MIRRED_PARMS, redirect);
    for (auto const begun : {mirred, first, actions, options}) request.end(begun);
    return netlink.carry_out(request, "network: redirect an interface's frames");
}

Result<void> redirect(Netlink const& netlink, int from, int to) {
    NetlinkRequest qdisc(RTM_NEWQDISC, NLM_F_CREATE | NLM_F_EXCL, ingress_of(from));
    auto made = netlink.carry_out(qdisc.put(TCA_KIND, std::string_view("ingress")),
                                  "network: prepare an interface for redirection");
    // Somebody else's ingress or clsact does as well; or ours, of a machine that has ended.
    if (!made.ok() && made.error().sys_errno() != EEXIST) return made;
    ignore(remove_filter(netlink, from), "there may be none");
    return add_filter(netlink, from, to);
}

bool has_filters(Netlink const& netlink, int interface) {
    auto const found = netlink.list(NetlinkRequest(RTM_GETTFILTER, NLM_F_DUMP, at_ingress(interface)), "");
    return !found.ok() || !found.value().empty();
}

}  // namespace

bool has_tap(Netlink const& netlink, HostInterface const& interface) {
    return index_of(netlink, tap_name(interface)).ok();
}

Result<UniqueFd> redirect_to_tap(Netlink const& netlink, HostInterface const& interface) {
    std::string const name = tap_name(interface);
    auto tap = TRY(open_tap(name, interface.name));
    int const index = TRY(index_of(netlink, name));
    int const of = static_cast<int>(interface.index);
    TRY(prepare_tap(netlink, index, interface.mtu));
    TRY(redirect(netlink, index, of));
    auto done = redirect(netlink, of, index);
    if (done.ok()) done = lead_own_addresses(netlink, interface, index);
    if (done.ok()) return tap;
    remove_redirection(netlink, interface);
    return fail(std::move(done).error());
}

void remove_redirection(Netlink const& netlink, HostInterface const& interface) {
    int const index = static_cast<int>(interface.index);
    if (!remove_filter(netlink, index).ok()) return;  // it is not ours
    restore_own_addresses(netlink, interface);
    if (has_filters(netlink, index)) return;
    NetlinkRequest request(RTM_DELQDISC, 0, ingress_of(index));
    ignore(netlink.carry_out(request.put(TCA_KIND, std::string_view("ingress")), ""),
           "clsact is not ours, and an interface may go at any moment");
}

}  // namespace krun::runtime
