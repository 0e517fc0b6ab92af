// SPDX-License-Identifier: Apache-2.0
#include "runtime/network/ingress_filter.h"

#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <linux/pkt_sched.h>
#include <linux/tc_act/tc_gact.h>
#include <linux/tc_act/tc_mirred.h>
#include <linux/tc_act/tc_skbedit.h>

#include <string_view>

#include "base/bytes.h"

namespace krun::runtime {
namespace {

tcmsg at_ingress(int interface) {
    tcmsg out{};
    out.tcm_ifindex = interface;
    out.tcm_parent = TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_INGRESS);
    return out;
}

tcmsg header_of(IngressFilter const& filter) {
    tcmsg out = at_ingress(filter.interface);
    out.tcm_handle = filter.handle;
    out.tcm_info = TC_H_MAKE(static_cast<uint32_t>(filter.priority) << 16, htons(filter.protocol));
    return out;
}

// An action of `kind` on all frames.
template <class Action>
NetlinkRequest act_on_all(IngressFilter const& filter, std::string_view kind, uint16_t attribute,
                          Action const& action) {
    NetlinkRequest request(RTM_NEWTFILTER, NLM_F_CREATE | NLM_F_EXCL, header_of(filter));
    request.put(TCA_KIND, std::string_view("matchall"));
    auto const options = request.begin(TCA_OPTIONS);
    auto const actions = request.begin(TCA_MATCHALL_ACT);
    auto const first = request.begin(1);
    request.put(TCA_ACT_KIND, kind);
    auto const action_options = request.begin(TCA_ACT_OPTIONS);
    request.put(attribute, action);
    for (auto const begun : {action_options, first, actions, options}) request.end(begun);
    return request;
}

Result<void> send_on(Netlink const& netlink, IngressFilter const& filter, tc_mirred const& action) {
    return netlink.carry_out(act_on_all(filter, "mirred", TCA_MIRRED_PARMS, action),
                             "network: redirect an interface's frames");
}

}  // namespace

Result<void> redirect_frames(Netlink const& netlink, IngressFilter const& filter, int to) {
    tc_mirred action{};
    action.action = TC_ACT_STOLEN;
    action.eaction = TCA_EGRESS_REDIR;
    action.ifindex = static_cast<uint32_t>(to);
    return send_on(netlink, filter, action);
}

Result<void> copy_frames(Netlink const& netlink, IngressFilter const& filter, int to) {
    tc_mirred action{};
    action.action = TC_ACT_OK;
    action.eaction = TCA_EGRESS_MIRROR;
    action.ifindex = static_cast<uint32_t>(to);
    return send_on(netlink, filter, action);
}

Result<void> drop_frames(Netlink const& netlink, IngressFilter const& filter) {
    tc_gact action{};
    action.action = TC_ACT_SHOT;
    return netlink.carry_out(act_on_all(filter, "gact", TCA_GACT_PARMS, action),
                             "network: keep an interface's frames from the namespace's own stack");
}

Result<void> keep_frames(Netlink const& netlink, IngressFilter const& filter,
                         std::span<tc_u32_key const> keys) {
    NetlinkRequest request(RTM_NEWTFILTER, NLM_F_CREATE | NLM_F_EXCL, header_of(filter));
    request.put(TCA_KIND, std::string_view("u32"));
    auto const options = request.begin(TCA_OPTIONS);
    tc_u32_sel selector{};
    selector.flags = TC_U32_TERMINAL;
    selector.nkeys = static_cast<unsigned char>(keys.size());
    request.put(TCA_U32_SEL, std::move(ByteWriter().put(selector).put_bytes(std::as_bytes(keys))).take());
    auto const actions = request.begin(TCA_U32_ACT);
    auto const first = request.begin(1);
    request.put(TCA_ACT_KIND, std::string_view("skbedit"));
    auto const edit = request.begin(TCA_ACT_OPTIONS);
    tc_skbedit accept{};
    accept.action = TC_ACT_OK;
    request.put(TCA_SKBEDIT_PARMS, accept);
    request.put(TCA_SKBEDIT_PTYPE, uint16_t{PACKET_HOST});
    for (auto const begun : {edit, first, actions, options}) request.end(begun);
    return netlink.carry_out(request, "network: keep frames for the namespace's own stack");
}

Result<void> remove_filter(Netlink const& netlink, IngressFilter const& filter) {
    return netlink.carry_out(NetlinkRequest(RTM_DELTFILTER, 0, header_of(filter)), "");
}

bool has_filters(Netlink const& netlink, int interface) {
    auto const found = netlink.list(NetlinkRequest(RTM_GETTFILTER, NLM_F_DUMP, at_ingress(interface)), "");
    return !found.ok() || !found.value().empty();
}

}  // namespace krun::runtime
