// SPDX-License-Identifier: Apache-2.0
#include "runtime/network/redirect.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_link.h>
#include <linux/if_tun.h>
#include <linux/pkt_sched.h>
#include <net/if.h>
#include <sys/ioctl.h>

#include <algorithm>
#include <cerrno>
#include <iterator>

#include "base/fd.h"
#include "runtime/network/ingress_filter.h"
#include "runtime/network/own_addresses.h"
#include "runtime/network/shared_ports.h"
#include "vmm/device/net_protocol.h"

namespace krun::runtime {
namespace {

// By which a filter is known to be ours: "krun".
constexpr uint32_t kFilterHandle = 0x6b72756e;

std::string tap_name(HostInterface const& interface) {
    return kTapPrefix + std::to_string(interface.index);
}

// Whether it is the host that has none, or lets nobody have one.
Error classified(Error error) {
    constexpr int kNone[] = {ENOENT, ENODEV, ENXIO, EACCES, EPERM};
    if (std::find(std::begin(kNone), std::end(kNone), error.sys_errno()) == std::end(kNone)) return error;
    return Error(Errc::kUnsupported, error.message());
}

// IFF_TUN_EXCL: several queues can be opened by several processes, and one machine is to have them.
Result<UniqueFd> open_queue(std::string const& name, std::string const& of, int flags) {
    auto opened = open_path("/dev/net/tun", O_RDWR | O_NONBLOCK);
    if (!opened.ok()) return fail(classified(std::move(opened).error().with("network: a tap interface")));
    UniqueFd queue = std::move(opened).value();
    ifreq request{};
    name.copy(request.ifr_name, IFNAMSIZ - 1);
    request.ifr_flags = static_cast<short>(IFF_TAP | IFF_NO_PI | IFF_VNET_HDR | flags);
    if (::ioctl(queue.borrow().raw(), TUNSETIFF, &request) < 0) {
        if (errno == EBUSY) return fail(Error(Errc::kBadState, "network: another machine has " + of));
        return fail(classified(Error::sys("network: make tap interface " + name)));
    }
    return queue;
}

Result<std::vector<UniqueFd>> open_tap(std::string const& name, std::string const& of, uint32_t queues) {
    int const several = queues > 1 ? IFF_MULTI_QUEUE : 0;
    std::vector<UniqueFd> tap;
    tap.push_back(TRY(open_queue(name, of, several | IFF_TUN_EXCL)));
    int header = sizeof(vmm::NetHeader);
    if (::ioctl(tap.front().borrow().raw(), TUNSETVNETHDRSZ, &header) < 0)
        return fail(Error::sys("network: set the tap interface's header"));
    while (tap.size() < queues) {
        tap.push_back(TRY(open_queue(name, of, several)));
        ifreq detached{};
        detached.ifr_flags = IFF_DETACH_QUEUE;
        if (::ioctl(tap.back().borrow().raw(), TUNSETQUEUE, &detached) < 0)
            return fail(Error::sys("network: detach a queue of the tap interface"));
    }
    return tap;
}

Result<int> index_of(Netlink const& netlink, std::string const& name) {
    ifreq request{};
    name.copy(request.ifr_name, IFNAMSIZ - 1);
    if (::ioctl(netlink.fd().raw(), SIOCGIFINDEX, &request) < 0)
        return fail(Error::sys("network: find tap interface " + name));
    return request.ifr_ifindex;
}

// A tap interface of several queues has 256 of them before the kernel, and would get a discipline with room
// for frames for each, 6 MiB together; but it drops what its reader has no room for, and nothing waits there.
void take_no_disciplines(Netlink const& netlink, int tap) {
    tcmsg root{};
    root.tcm_ifindex = tap;
    root.tcm_parent = TC_H_ROOT;
    NetlinkRequest none(RTM_NEWQDISC, NLM_F_CREATE | NLM_F_EXCL, root);
    ignore(netlink.carry_out(none.put(TCA_KIND, std::string_view("noqueue")), ""), "they cost memory only");
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

tcmsg ingress_of(int interface) {
    tcmsg out{};
    out.tcm_ifindex = interface;
    out.tcm_handle = TC_H_MAKE(TC_H_INGRESS, 0);
    out.tcm_parent = TC_H_INGRESS;
    return out;
}

IngressFilter filter_at(int interface) {
    return {interface, FilterPriority::kGuest, ETH_P_ALL, kFilterHandle};
}

// Without a filter of a machine that has ended.
Result<void> prepare_ingress(Netlink const& netlink, int from) {
    NetlinkRequest qdisc(RTM_NEWQDISC, NLM_F_CREATE | NLM_F_EXCL, ingress_of(from));
    auto made = netlink.carry_out(qdisc.put(TCA_KIND, std::string_view("ingress")),
                                  "network: prepare an interface for redirection");
    // Somebody else's ingress or clsact does as well; or ours, of a machine that has ended.
    if (!made.ok() && made.error().sys_errno() != EEXIST) return made;
    ignore(remove_filter(netlink, filter_at(from)), "there may be none");
    return {};
}

Result<void> redirect(Netlink const& netlink, int from, int to) {
    TRY(prepare_ingress(netlink, from));
    return redirect_frames(netlink, filter_at(from), to);
}

}  // namespace

Result<int> tap_of(Netlink const& netlink, HostInterface const& interface) {
    return index_of(netlink, tap_name(interface));
}

Result<std::vector<UniqueFd>> redirect_to_tap(Netlink const& netlink, HostInterface const& interface,
                                              uint32_t queues) {
    std::string const name = tap_name(interface);
    auto tap = TRY(open_tap(name, interface.name, queues));
    int const index = TRY(index_of(netlink, name));
    int const of = static_cast<int>(interface.index);
    if (queues > 1) take_no_disciplines(netlink, index);
    TRY(prepare_tap(netlink, index, interface.mtu));
    TRY(redirect(netlink, index, of));
    auto done = redirect(netlink, of, index);
    if (done.ok()) done = lead_own_addresses(netlink, interface, index);
    if (done.ok() && ports_are_shared(netlink)) done = share_ports(netlink, interface, index);
    if (done.ok()) return tap;
    remove_redirection(netlink, interface);
    return fail(std::move(done).error());
}

Result<void> keep_from_own_stack(Netlink const& netlink, HostInterface const& interface) {
    int const index = static_cast<int>(interface.index);
    TRY(prepare_ingress(netlink, index));
    return drop_frames(netlink, filter_at(index));
}

void remove_redirection(Netlink const& netlink, HostInterface const& interface) {
    int const index = static_cast<int>(interface.index);
    if (!remove_filter(netlink, filter_at(index)).ok()) return;  // it is not ours
    restore_own_addresses(netlink, interface);
    if (has_filters(netlink, index)) return;
    NetlinkRequest request(RTM_DELQDISC, 0, ingress_of(index));
    ignore(netlink.carry_out(request.put(TCA_KIND, std::string_view("ingress")), ""),
           "clsact is not ours, and an interface may go at any moment");
}

}  // namespace krun::runtime
