// SPDX-License-Identifier: Apache-2.0
// The network as the host describes it, in a network namespace of the test: of interfaces there is loopback.
#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/rtnetlink.h>

#include "base/bytes.h"
#include "container_run.h"

namespace krun::init {
namespace {

using control::FrameType;
using control::NetworkFixup;
using control::NetworkRecordKind;
using ::testing::HasSubstr;

std::vector<std::byte> record(NetworkRecordKind kind, std::span<std::byte const> content,
                              std::vector<NetworkFixup> const& fixups = {}) {
    ByteWriter out;
    out.put(control::NetworkRecord{static_cast<uint16_t>(kind), static_cast<uint16_t>(fixups.size()),
                                   static_cast<uint32_t>(content.size())});
    out.put_bytes(std::as_bytes(std::span(fixups))).put_bytes(content);
    return std::move(out).take();
}

std::vector<std::byte> sysctl(NetworkRecordKind kind, std::string_view text) {
    return record(kind, std::as_bytes(std::span(text)));
}

// Adds 192.0.2.7/24 to an interface.
std::vector<std::byte> address_request(uint32_t interface) {
    struct {
        nlmsghdr header;
        ifaddrmsg address;
        nlattr attribute;
        uint32_t value;
    } message{};
    message.header = {sizeof message, RTM_NEWADDR, NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE, 0, 0};
    message.address.ifa_family = AF_INET;
    message.address.ifa_prefixlen = 24;
    message.address.ifa_index = interface;
    message.attribute = {sizeof(nlattr) + 4, IFA_LOCAL};
    message.value = htonl(0xc0000207);
    auto const bytes = std::as_bytes(std::span(&message, 1));
    return {bytes.begin(), bytes.end()};
}

std::vector<std::byte> operator+(std::vector<std::byte> left, std::vector<std::byte> const& right) {
    left.insert(left.end(), right.begin(), right.end());
    return left;
}

class Network : public ::testing::Test {
protected:
    void SetUp() override {
        if (auto const why = ContainerRun::why_impossible(); !why.empty()) GTEST_SKIP() << "skipped: " << why;
    }
    static void send_network(ContainerRun& run, std::vector<std::byte> const& records) {
        run.launch();
        ASSERT_EQ(run.next_frame().type, FrameType::kHello);
        ASSERT_EQ(run.next_frame().type, FrameType::kReady) << run.failure_text();
        run.send(FrameType::kNetwork, records);
    }
    // The network, and at once the start.
    static void send(ContainerRun& run, std::vector<std::byte> const& records) {
        send_network(run, records);
        run.send(FrameType::kStart);
    }
    static void expect_failure(std::vector<std::byte> const& records, std::string const& text) {
        ContainerRun run;
        run.probe({"say", "started"});
        send_network(run, records);  // init may have ended before a start arrives
        auto const frame = run.next_frame();
        EXPECT_EQ(frame.type, FrameType::kFailed);
        EXPECT_THAT(frame.text(), HasSubstr(text));
    }
    ContainerRun run_;
};

TEST_F(Network, RequestsAndSysctlsAreCarriedOutBeforeThePayloadStarts) {
    run_.probe({"file", "/proc/sys/net/ipv4/ip_forward", ",", "file", "/proc/net/fib_trie"});
    send(run_, sysctl(NetworkRecordKind::kSysctl, "net/ipv4/ip_forward=1") +
                   sysctl(NetworkRecordKind::kTrySysctl, "net/ipv4/no_such=1") +
                   record(NetworkRecordKind::kRequest, address_request(1)));
    ASSERT_EQ(run_.next_frame().type, FrameType::kStarted) << run_.failure_text();
    EXPECT_EQ(run_.finish(), 0);
    EXPECT_THAT(run_.output(), ::testing::StartsWith("1\n"));
    EXPECT_THAT(run_.output(), HasSubstr("192.0.2.7"));
}

// As a route that a router has told of in the meantime.
TEST_F(Network, WhatIsThereAlreadyIsFine) {
    run_.probe({"exit", "3"});
    auto const address = record(NetworkRecordKind::kRequest, address_request(1));
    send(run_, address + address);
    ASSERT_EQ(run_.next_frame().type, FrameType::kStarted) << run_.failure_text();
    EXPECT_EQ(run_.finish(), 3);
}

TEST_F(Network, AnEmptyOneIsFine) {
    run_.probe({"exit", "3"});
    send(run_, {});
    ASSERT_EQ(run_.next_frame().type, FrameType::kStarted);
    EXPECT_EQ(run_.finish(), 3);
}

TEST_F(Network, WhatTheKernelRefusesIsTheEndBeforeTheStart) {
    expect_failure(record(NetworkRecordKind::kRequest, address_request(999)),
                   "configure the network: request of type 20: No such device");
    expect_failure(sysctl(NetworkRecordKind::kSysctl, "net/ipv4/conf/eth9/rp_filter=1"), "eth9");
}

TEST_F(Network, ADeviceThatIsNotThereIsNamed) {
    uint32_t const number = 17;
    expect_failure(record(NetworkRecordKind::kPlugged, std::as_bytes(std::span(&number, 1))),
                   "find network device 17");
}

TEST_F(Network, BrokenRecordsAreRefused) {
    auto const broken = "a broken description of the network";
    auto const request = address_request(1);
    auto const whole = record(NetworkRecordKind::kRequest, request);
    expect_failure({whole.begin(), whole.end() - 1}, broken);
    expect_failure({whole.begin(), whole.begin() + 5}, broken);
    expect_failure(record(NetworkRecordKind::kRequest, request, {{0, 20}}), broken);  // there is no interface
    expect_failure(record(NetworkRecordKind::kRequest, std::span(request).first(15)), broken);
    expect_failure(sysctl(NetworkRecordKind::kSysctl, "net/ipv4/ip_forward"), broken);
    expect_failure(record(NetworkRecordKind{99}, {}), broken);
}

}  // namespace
}  // namespace krun::init
