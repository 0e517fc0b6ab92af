// SPDX-License-Identifier: Apache-2.0
#include "runtime/network/address_route.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <map>

namespace krun::runtime {
namespace {

struct Asked {
    nlmsghdr message;
    rtmsg route;
    std::map<uint16_t, uint32_t> attributes;
};

Asked asked(NetlinkRequest const& request) {
    auto const bytes = request.bytes();
    ByteReader reader(bytes);
    Asked out{reader.take<nlmsghdr>().value(), reader.take<rtmsg>().value(), {}};
    for (auto const& one : netlink_attributes(reader.rest()))
        out.attributes[one.type] = one.as<uint32_t>().value();
    return out;
}

TEST(AddressRoute, AtALinkItIsOneAddressOfTheMainTable) {
    auto const out = asked(route_request(RTM_NEWROUTE, NLM_F_CREATE,
                                         {.type = RTN_UNICAST, .address = 0x0200000a, .interface = 7}));
    EXPECT_EQ(out.message.nlmsg_type, RTM_NEWROUTE);
    EXPECT_NE(out.message.nlmsg_flags & NLM_F_CREATE, 0);
    EXPECT_EQ(out.route.rtm_family, AF_INET);
    EXPECT_EQ(out.route.rtm_dst_len, 32);
    EXPECT_EQ(out.route.rtm_scope, RT_SCOPE_LINK);
    EXPECT_EQ(out.route.rtm_type, RTN_UNICAST);
    EXPECT_EQ(out.route.rtm_protocol, RTPROT_STATIC);
    EXPECT_EQ(out.attributes, (std::map<uint16_t, uint32_t>{
                                  {RTA_DST, 0x0200000a}, {RTA_OIF, 7}, {RTA_TABLE, RT_TABLE_MAIN}}));
}

TEST(AddressRoute, OfTheOwnStackItIsLocalInTheTableThatIsNamed) {
    auto const out = asked(route_request(RTM_DELROUTE, 0,
                                         {.type = RTN_LOCAL,
                                          .address = 1,
                                          .interface = 2,
                                          .table = 0x6b72,
                                          .protocol = RTPROT_KERNEL,
                                          .source = 3}));
    EXPECT_EQ(out.message.nlmsg_type, RTM_DELROUTE);
    EXPECT_EQ(out.route.rtm_scope, RT_SCOPE_HOST);
    EXPECT_EQ(out.route.rtm_type, RTN_LOCAL);
    EXPECT_EQ(out.route.rtm_protocol, RTPROT_KERNEL);
    EXPECT_EQ(out.attributes.at(RTA_TABLE), 0x6b72u);
    EXPECT_EQ(out.attributes.at(RTA_PREFSRC), 3u);
}

}  // namespace
}  // namespace krun::runtime
