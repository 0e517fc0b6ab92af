// SPDX-License-Identifier: Apache-2.0
#include "init/dhcp_message.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>

#include <string>

namespace krun::init {
namespace {

constexpr DhcpClient kClient{{2, 0, 0, 0, 0, 1}, 0x12345678};

std::string text_of(std::vector<std::byte> const& bytes) {
    return {reinterpret_cast<char const*>(bytes.data()), bytes.size()};
}

std::string address_bytes(char const* dotted) {
    in_addr address{};
    EXPECT_EQ(::inet_aton(dotted, &address), 1);
    return {reinterpret_cast<char const*>(&address), sizeof address};
}

uint32_t address_of(char const* dotted) {
    in_addr address{};
    ::inet_aton(dotted, &address);
    return address.s_addr;
}

std::string option(uint8_t code, std::string const& value) {
    return std::string{static_cast<char>(code), static_cast<char>(value.size())} + value;
}

std::string two_bytes(size_t number) {
    return {static_cast<char>(number >> 8), static_cast<char>(number)};
}

// What a server sends, as the RFCs have it.
struct Answer {
    std::string options;
    std::string mac = std::string("\2\0\0\0\0\1", 6);
    std::string transaction = std::string("\x78\x56\x34\x12", 4);
    std::string yours = address_bytes("10.0.2.15");
    std::string op = "\2";
    std::string cookie = std::string("\x63\x82\x53\x63", 4);
    std::string source = std::string("\0\x43", 2);
    std::string destination = std::string("\0\x44", 2);
    std::string fragment = std::string(2, '\0');
    std::string protocol = "\x11";

    std::string packet() const {
        std::string const body = op + std::string("\1\6\0", 3) + transaction + std::string(8, '\0') + yours +
                                 std::string(8, '\0') + mac + std::string(10 + 192, '\0') + cookie + options;
        std::string const datagram =
            source + destination + two_bytes(8 + body.size()) + std::string(2, '\0') + body;
        return std::string("\x45\0", 2) + two_bytes(20 + datagram.size()) + std::string(2, '\0') + fragment +
               "\x40" + protocol + std::string(2, '\0') + address_bytes("10.0.2.2") +
               address_bytes("255.255.255.255") + datagram;
    }
};

std::optional<DhcpReply> read(std::string const& packet) {
    return read_reply(std::as_bytes(std::span(packet)), kClient);
}

std::string const kAckOption = option(53, "\5");

TEST(DhcpMessage, AQuestionIsAnIPv4PacketToEverybody) {
    std::string const packet = text_of(discover_message(kClient));
    EXPECT_EQ(packet.substr(0, 4), std::string("\x45\0", 2) + two_bytes(packet.size()));
    EXPECT_EQ(packet.substr(9, 1), "\x11");
    EXPECT_EQ(packet.substr(12, 8), std::string(4, '\0') + std::string(4, '\xff'));
    uint32_t sum = 0;
    for (size_t i = 0; i < 20; i += 2)
        sum +=
            static_cast<uint32_t>(static_cast<uint8_t>(packet[i])) << 8 | static_cast<uint8_t>(packet[i + 1]);
    EXPECT_EQ((sum & 0xffff) + (sum >> 16), 0xffffu);  // RFC 1071
    EXPECT_EQ(packet.substr(20, 6), std::string("\0\x44\0\x43", 4) + two_bytes(packet.size() - 20));
    EXPECT_EQ(packet.substr(28, 8), std::string("\1\1\6\0\x78\x56\x34\x12", 8));
    EXPECT_EQ(packet.substr(38, 2), std::string("\x80\0", 2));  // to be answered to everybody
    EXPECT_EQ(packet.substr(264, 4), std::string("\x63\x82\x53\x63", 4));
    EXPECT_EQ(packet.substr(268), option(53, "\1") + option(80, "") + option(55, "\1\3\x1a") + "\xff");
}

TEST(DhcpMessage, ARequestNamesTheAddressAndWhoOfferedIt) {
    std::string const packet = text_of(
        request_message(kClient, {.address = address_of("10.0.2.15"), .server = address_of("10.0.2.2")}));
    EXPECT_EQ(packet.substr(268), option(53, "\3") + option(50, address_bytes("10.0.2.15")) +
                                      option(54, address_bytes("10.0.2.2")) + option(55, "\1\3\x1a") +
                                      "\xff");
}

TEST(DhcpMessage, ARenewalComesFromTheAddressThatItIsAbout) {
    std::string const packet = text_of(renewal_message(kClient, address_of("10.0.2.15")));
    EXPECT_EQ(packet.substr(12, 8), address_bytes("10.0.2.15") + std::string(4, '\xff'));
    EXPECT_EQ(packet.substr(40, 4), address_bytes("10.0.2.15"));  // ciaddr
    // Neither the address nor a server is named once more (RFC 2131 §4.3.6, table 4).
    EXPECT_EQ(packet.substr(268), option(53, "\3") + "\xff");
}

TEST(DhcpMessage, QuestionsAreToldApart) {
    auto const first = DhcpClient::with(kClient.mac), second = DhcpClient::with(kClient.mac);
    EXPECT_EQ(first.mac, kClient.mac);
    EXPECT_NE(first.transaction, second.transaction);
}

TEST(DhcpMessage, ALeaseWithoutATimeHasNoEnd) {
    Answer answer;
    answer.options = kAckOption + option(51, two_bytes(1) + two_bytes(2));
    EXPECT_EQ(read(answer.packet())->lease.seconds, 0x10002u);
    for (auto const& none : {std::string(), option(51, std::string(4, '\0')), option(51, "\1"),
                             option(51, std::string(4, '\xff'))}) {
        answer.options = kAckOption + none;
        EXPECT_EQ(read(answer.packet())->lease.seconds, DhcpLease::kForEver);
    }
}

TEST(DhcpMessage, AnAnswerHasALease) {
    Answer answer;
    answer.options = option(53, "\2") + std::string("\0\0", 2) + option(1, address_bytes("255.255.254.0")) +
                     option(3, address_bytes("10.0.2.2") + address_bytes("10.0.2.3")) +
                     option(26, two_bytes(1400)) + option(54, address_bytes("10.0.2.1")) +
                     option(6, address_bytes("10.0.2.3")) + "\xff" + option(3, address_bytes("10.9.9.9"));
    auto const reply = read(answer.packet());
    ASSERT_TRUE(reply);
    EXPECT_EQ(reply->type, DhcpType::kOffer);
    EXPECT_EQ(reply->lease.address, address_of("10.0.2.15"));
    EXPECT_EQ(reply->lease.mask, address_of("255.255.254.0"));
    EXPECT_EQ(reply->lease.router, address_of("10.0.2.2"));
    EXPECT_EQ(reply->lease.server, address_of("10.0.2.1"));
    EXPECT_EQ(reply->lease.mtu, 1400);
}

TEST(DhcpMessage, WhatAnAnswerDoesNotSayHasADefault) {
    Answer answer;
    answer.options = kAckOption;
    auto const reply = read(answer.packet());
    ASSERT_TRUE(reply);
    EXPECT_EQ(reply->type, DhcpType::kAck);
    EXPECT_EQ(reply->lease.mask, address_of("255.255.255.0"));
    EXPECT_EQ(reply->lease.router, 0u);
    EXPECT_EQ(reply->lease.mtu, 0);
    answer.options = option(53, "\6");
    ASSERT_TRUE(read(answer.packet()));
    EXPECT_EQ(read(answer.packet())->type, DhcpType::kNak);
}

TEST(DhcpMessage, NonsenseInAnOptionIsNotTaken) {
    Answer answer;
    answer.options = kAckOption + option(1, address_bytes("255.0.255.0")) +
                     option(3, address_bytes("127.0.0.1")) + option(26, two_bytes(575)) +
                     option(1, "\xff\xff") + option(3, "") + option(26, "\5");
    auto const reply = read(answer.packet());
    ASSERT_TRUE(reply);
    EXPECT_EQ(reply->lease.mask, address_of("255.255.255.0"));
    EXPECT_EQ(reply->lease.router, 0u);
    EXPECT_EQ(reply->lease.mtu, 0);
}

TEST(DhcpMessage, WhatIsForAnotherOrNoAnswerIsNone) {
    Answer whole;
    whole.options = kAckOption;
    ASSERT_TRUE(read(whole.packet()));
    std::vector<Answer> all(12, whole);
    all[0].mac[5] = '\2';
    all[1].transaction[0] = '\0';
    all[2].yours = address_bytes("0.0.0.0");
    all[3].yours = address_bytes("127.0.0.1");
    all[4].yours = address_bytes("224.0.0.1");
    all[5].op = "\1";
    all[6].cookie[0] = '\0';
    all[7].source = std::string("\0\x42", 2);
    all[8].destination = std::string("\0\x43", 2);
    all[9].fragment = std::string("\x20\0", 2);
    all[10].protocol = "\x06";
    all[11].options = option(53, "\1");
    for (size_t i = 0; i < all.size(); ++i) EXPECT_FALSE(read(all[i].packet())) << i;
}

TEST(DhcpMessage, WhatIsCutAnywhereIsNone) {
    Answer answer;
    answer.options = kAckOption + option(3, address_bytes("10.0.2.2"));
    std::string const whole = answer.packet();
    for (size_t bytes = 0; bytes < whole.size(); ++bytes) EXPECT_FALSE(read(whole.substr(0, bytes))) << bytes;
    answer.options = kAckOption + std::string("\3\4\n", 3);  // longer than there is
    EXPECT_FALSE(read(answer.packet()));
    answer.options = kAckOption + "\3";
    EXPECT_FALSE(read(answer.packet()));
}

TEST(DhcpMessage, LengthsThatLieAreRefused) {
    Answer answer;
    answer.options = kAckOption + "\xff";
    std::string const whole = answer.packet();
    for (auto const& [at, bytes] : {std::pair<size_t, std::string>{0, "\x44"},  // less than a header
                                    {0, "\x4f"},                                // another protocol's bytes
                                    {0, "\x65"},
                                    {2, two_bytes(0)},
                                    {2, two_bytes(whole.size() + 1)},
                                    {2, two_bytes(19)},
                                    {24, two_bytes(7)},
                                    {24, two_bytes(whole.size() - 19)}}) {
        std::string lie = whole;
        lie.replace(at, bytes.size(), bytes);
        EXPECT_FALSE(read(lie)) << at;
    }
}

}  // namespace
}  // namespace krun::init
