// SPDX-License-Identifier: Apache-2.0
#include "runtime/network/network_plan.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/if_link.h>
#include <unistd.h>

#include <string>

#include "base/fd.h"
#include "runtime/network/interface_sysctl.h"

namespace krun::runtime {
namespace {

std::vector<std::byte> bytes(std::string_view text) {
    auto const all = std::as_bytes(std::span(text));
    return {all.begin(), all.end()};
}

NetworkPlan two_interfaces() {
    return {bytes("at first"),
            {{{1, 2, 3, 4, 5, 6}, 1500, NetworkBackend::kTap, bytes("first"), 4},
             {{6, 5, 4, 3, 2, 1}, 65520, NetworkBackend::kStream, bytes("")}},
            bytes("the end")};
}

bool is_plan(std::string_view content) {
    auto const file = make_memfd("plan", 0).value();
    EXPECT_TRUE(write_full(file.borrow(), content).ok());
    ::lseek(file.borrow().raw(), 0, SEEK_SET);
    return read_plan(file.borrow()).ok();
}

TEST(NetworkPlan, IsReadAsItWasWritten) {
    auto const file = write_plan(two_interfaces()).value();
    auto const plan = read_plan(file.borrow()).value();
    ASSERT_EQ(plan.interfaces.size(), 2u);
    EXPECT_EQ(plan.interfaces[0].mac, (std::array<uint8_t, 6>{1, 2, 3, 4, 5, 6}));
    EXPECT_EQ(plan.interfaces[0].records, bytes("first"));
    EXPECT_EQ(plan.interfaces[0].descriptors, 4u);
    EXPECT_EQ(plan.interfaces[1].descriptors, 1u);
    EXPECT_EQ(plan.interfaces[1].mtu, 65520);
    EXPECT_EQ(plan.interfaces[1].backend, NetworkBackend::kStream);
    EXPECT_EQ(plan.first, bytes("at first"));
    EXPECT_EQ(plan.last, bytes("the end"));
}

TEST(NetworkPlan, APlanThatIsCutInAnInterfaceIsRefused) {
    auto const whole = write_plan(two_interfaces()).value();
    std::string const text = read_file(whole.borrow(), 4096).value();
    size_t const end_of_interfaces = text.size() - std::string_view("the end").size();
    for (size_t length = 0; length < end_of_interfaces; ++length)
        EXPECT_FALSE(is_plan(std::string_view(text).substr(0, length))) << length;
    EXPECT_TRUE(is_plan(text));
    EXPECT_FALSE(is_plan(std::string("\x09\0\0\0", 4) + std::string(200, '\0')));  // nine interfaces
}

TEST(NetworkPlan, MoreThanAGuestCanBeToldIsRefused) {
    NetworkPlan plan;
    plan.last.resize(control::kMaxHostBodyBytes);
    auto const written = write_plan(plan);
    ASSERT_FALSE(written.ok());
    EXPECT_NE(written.error().message().find("more addresses and routes"), std::string::npos);
}

TEST(NetworkRecords, ARequestIsFollowedByWhereNumbersBelong) {
    ifinfomsg const link{};
    NetlinkRequest request(RTM_SETLINK, NLM_F_ACK, link);
    size_t const at = request.next_value();
    request.put(IFLA_LINK, uint32_t{0x11223344});
    control::NetworkFixup const fixup[] = {{3, static_cast<uint16_t>(at)}};
    auto const out = std::move(NetworkRecords().request(request, fixup)).take();
    ByteReader reader(out);
    auto const record = reader.take<control::NetworkRecord>();
    ASSERT_TRUE(record);
    EXPECT_EQ(record->fixups, 1);
    EXPECT_EQ(reader.take<control::NetworkFixup>()->interface, 3);
    ASSERT_EQ(reader.left(), record->content_bytes);
    auto const content = reader.rest();
    EXPECT_EQ(ByteReader(content).take<nlmsghdr>()->nlmsg_len, content.size());
    EXPECT_EQ(ByteReader(content.subspan(at)).take<uint32_t>(), 0x11223344u);
}

TEST(NetlinkAttributes, WhatIsNotWholeEndsTheList) {
    ifinfomsg const link{};
    NetlinkRequest request(RTM_SETLINK, 0, link);
    request.put(IFLA_IFNAME, std::string_view("eth0")).put(IFLA_MTU, uint32_t{1500});
    auto const all = request.bytes();
    auto const attributes = std::span<std::byte const>(all).subspan(sizeof(nlmsghdr) + sizeof(ifinfomsg));
    auto const list = netlink_attributes(attributes);
    ASSERT_EQ(list.size(), 2u);
    EXPECT_EQ(list[0].text(), "eth0");
    EXPECT_EQ(list[1].as<uint32_t>(), 1500u);
    for (size_t length = 0; length < attributes.size(); ++length)
        EXPECT_LT(netlink_attributes(attributes.first(length)).size(), 2u) << length;
}

TEST(InterfaceSysctl, OnlyThoseOfSingleInterfacesWaitForThem) {
    EXPECT_EQ(interface_of_sysctl("net/ipv4/conf/eth0/rp_filter"), "eth0");
    EXPECT_EQ(interface_of_sysctl("net/ipv6/neigh/eth0.1/gc_thresh1"), "eth0.1");
    for (auto const* path :
         {"net/ipv4/ip_forward", "net/ipv6/conf/all/forwarding", "net/ipv4/conf/default/rp_filter",
          "net/ipv4/conf/lo/rp_filter", "kernel/msgmax", "net/ipv4/conf/"})
        EXPECT_EQ(interface_of_sysctl(path), "") << path;
    EXPECT_FALSE(is_sysctl_of("net/ipv4/ip_forward", ""));
}

}  // namespace
}  // namespace krun::runtime
