// SPDX-License-Identifier: Apache-2.0
// The messages of DHCP (RFC 2131) that a client needs, as whole IPv4 packets: it has no address yet, so
// nobody makes or takes them apart for it. What comes is a stranger's.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace krun::init {

// Addresses are in network byte order, here and everywhere else.
struct DhcpLease {
    uint32_t address = 0;  // of a host
    uint32_t mask = 0;     // ones, then zeros
    uint32_t server = 0;   // as it names itself
    uint32_t router = 0;   // 0: none
    uint16_t mtu = 0;      // 0: not said; at least 576
    uint32_t seconds = kForEver;

    static constexpr uint32_t kForEver = UINT32_MAX;  // RFC 2131 §3.3
};

enum class DhcpType : uint8_t { kDiscover = 1, kOffer = 2, kRequest = 3, kAck = 5, kNak = 6 };

struct DhcpReply {
    DhcpType type;  // kOffer, kAck or kNak
    DhcpLease lease{};
};

// Who asks: with each question's number, by which answers are known.
struct DhcpClient {
    std::array<uint8_t, 6> mac;
    uint32_t transaction;

    // With a number of its own.
    static DhcpClient with(std::array<uint8_t, 6> const& mac);
};

// Asks everybody for an address, at once if they can (RFC 4039).
std::vector<std::byte> discover_message(DhcpClient const& client);
// Asks for what was offered.
std::vector<std::byte> request_message(DhcpClient const& client, DhcpLease const& offered);
// Asks everybody for longer time with an address that the client has (RFC 2131 §4.4.5, rebinding).
std::vector<std::byte> renewal_message(DhcpClient const& client, uint32_t address);
// nullopt: it is not an answer to this client, or not whole. Checksums are not looked at: of what comes from
// another machine of the same host they may not have been made yet.
std::optional<DhcpReply> read_reply(std::span<std::byte const> packet, DhcpClient const& client);

}  // namespace krun::init
