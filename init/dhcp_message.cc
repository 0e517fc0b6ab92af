// SPDX-License-Identifier: Apache-2.0
#include "init/dhcp_message.h"

#include <arpa/inet.h>
#include <netinet/ip.h>
#include <netinet/udp.h>
#include <sys/random.h>

#include <algorithm>
#include <bit>

#include "base/bytes.h"
#include "base/internet_checksum.h"
#include "base/result.h"

namespace krun::init {
namespace {

constexpr uint16_t kServerPort = 67;
constexpr uint16_t kClientPort = 68;

// RFC 2131 §2
struct Body {
    uint8_t op;
    uint8_t hardware;
    uint8_t address_bytes;
    uint8_t hops;
    uint32_t transaction;
    uint16_t seconds;
    uint16_t flags;
    uint32_t client;
    uint32_t yours;
    uint32_t next_server;
    uint32_t relay;
    std::array<uint8_t, 6> mac;
    std::array<uint8_t, 10> rest_of_mac;
    std::array<uint8_t, 192> names;
    uint32_t cookie;
} __attribute__((packed));
static_assert(sizeof(Body) == 240);

constexpr uint8_t kQuestion = 1;
constexpr uint8_t kAnswer = 2;
constexpr uint8_t kEthernet = 1;
constexpr uint16_t kAnswerToAll = 0x8000;
constexpr uint32_t kCookie = 0x63825363;

// RFC 2132, RFC 4039
enum Option : uint8_t {
    kPad = 0,
    kMask = 1,
    kRouter = 3,
    kMtu = 26,
    kRequestedAddress = 50,
    kLeaseTime = 51,
    kMessageType = 53,
    kServer = 54,
    kWanted = 55,
    kRapidCommit = 80,
    kEnd = 255,
};
constexpr uint32_t kClassCMask = 0xffffff00;
constexpr uint16_t kMinMtu = 576;  // what every host must take whole (RFC 791)

class Options {
public:
    Options& put(uint8_t option, std::span<std::byte const> value) {
        out_.put(option).put(static_cast<uint8_t>(value.size())).put_bytes(value);
        return *this;
    }
    template <class Value>
    Options& put(uint8_t option, Value const& value) {
        return put(option, std::as_bytes(std::span(&value, 1)));
    }
    std::vector<std::byte> take() && { return std::move(out_.put(kEnd)).take(); }

private:
    ByteWriter out_;
};

// `address`: the client's, or 0 while it has none.
std::vector<std::byte> packet_of(DhcpClient const& client, uint32_t address,
                                 std::vector<std::byte> const& options) {
    Body body{};
    body.op = kQuestion;
    body.hardware = kEthernet;
    body.address_bytes = static_cast<uint8_t>(client.mac.size());
    body.transaction = client.transaction;
    body.flags = htons(kAnswerToAll);
    body.client = address;
    body.mac = client.mac;
    body.cookie = htonl(kCookie);
    auto const udp_bytes = static_cast<uint16_t>(sizeof(udphdr) + sizeof body + options.size());
    iphdr ip{};
    ip.version = 4;
    ip.ihl = sizeof ip / 4;
    ip.tot_len = htons(static_cast<uint16_t>(sizeof ip + udp_bytes));
    ip.ttl = 64;
    ip.protocol = IPPROTO_UDP;
    ip.saddr = address;
    ip.daddr = INADDR_BROADCAST;
    ip.check = InternetSum().add(std::as_bytes(std::span(&ip, 1))).checksum();
    udphdr udp{};
    udp.source = htons(kClientPort);
    udp.dest = htons(kServerPort);
    udp.len = htons(udp_bytes);  // without a checksum, as IPv4 allows (RFC 768)
    return std::move(ByteWriter().put(ip).put(udp).put(body).put_bytes(options)).take();
}

// What is in an answer's IPv4 and UDP, if it is one.
std::optional<std::span<std::byte const>> content_of(std::span<std::byte const> packet) {
    auto const ip = ByteReader(packet).take<iphdr>();
    if (!ip || ip->version != 4 || ip->ihl < 5 || ip->protocol != IPPROTO_UDP) return std::nullopt;
    size_t const header = size_t{ip->ihl} * 4;
    size_t const all = ntohs(ip->tot_len);
    constexpr uint16_t kFragment = IP_MF | IP_OFFMASK;
    if (all > packet.size() || header > all || (ntohs(ip->frag_off) & kFragment) != 0) return std::nullopt;
    auto const datagram = packet.subspan(header, all - header);
    auto const udp = ByteReader(datagram).take<udphdr>();
    if (!udp || ntohs(udp->source) != kServerPort || ntohs(udp->dest) != kClientPort) return std::nullopt;
    size_t const length = ntohs(udp->len);
    if (length < sizeof(udphdr) || length > datagram.size()) return std::nullopt;
    return datagram.subspan(sizeof(udphdr), length - sizeof(udphdr));
}

bool is_mask(uint32_t mask) {
    uint32_t const bits = ntohl(mask);
    return std::countl_one(bits) + std::countr_zero(bits) == 32 && bits != 0;
}

// Not 0.0.0.0/8, 127.0.0.0/8, nor above 224.0.0.0 (RFC 1122 §3.2.1.3).
bool is_of_a_host(uint32_t address) {
    uint32_t const first = ntohl(address) >> 24;
    return first != 0 && first != 127 && first < 224;
}

void take_option(uint8_t option, std::span<std::byte const> value, DhcpReply& out) {
    ByteReader reader(value);
    if (option == kMtu) {
        if (auto const mtu = reader.take<uint16_t>(); mtu && ntohs(*mtu) >= kMinMtu)
            out.lease.mtu = ntohs(*mtu);
        return;
    }
    if (option == kMessageType) {
        if (auto const type = reader.take<uint8_t>()) out.type = static_cast<DhcpType>(*type);
        return;
    }
    auto const address = reader.take<uint32_t>();  // or a time
    if (!address) return;
    if (option == kMask && is_mask(*address)) out.lease.mask = *address;
    if (option == kRouter && is_of_a_host(*address)) out.lease.router = *address;
    if (option == kServer) out.lease.server = *address;
    if (option == kLeaseTime && *address != 0) out.lease.seconds = ntohl(*address);
}

}  // namespace

DhcpClient DhcpClient::with(std::array<uint8_t, 6> const& mac) {
    DhcpClient out{mac, 0};
    ignore(::getrandom(&out.transaction, sizeof out.transaction, 0), "any number will do");
    return out;
}

std::vector<std::byte> discover_message(DhcpClient const& client) {
    constexpr std::array<uint8_t, 3> kWish{kMask, kRouter, kMtu};
    Options options;
    options.put(kMessageType, DhcpType::kDiscover).put(kRapidCommit, std::span<std::byte const>());
    return packet_of(client, 0, std::move(options.put(kWanted, kWish)).take());
}

std::vector<std::byte> request_message(DhcpClient const& client, DhcpLease const& offered) {
    constexpr std::array<uint8_t, 3> kWish{kMask, kRouter, kMtu};
    Options options;
    options.put(kMessageType, DhcpType::kRequest).put(kRequestedAddress, offered.address);
    options.put(kServer, offered.server);
    return packet_of(client, 0, std::move(options.put(kWanted, kWish)).take());
}

std::vector<std::byte> renewal_message(DhcpClient const& client, uint32_t address) {
    return packet_of(client, address, std::move(Options().put(kMessageType, DhcpType::kRequest)).take());
}

std::optional<DhcpReply> read_reply(std::span<std::byte const> packet, DhcpClient const& client) {
    auto const content = content_of(packet);
    if (!content) return std::nullopt;
    ByteReader reader(*content);
    auto const body = reader.take<Body>();
    if (!body || body->op != kAnswer || body->cookie != htonl(kCookie) ||
        body->transaction != client.transaction || body->mac != client.mac)
        return std::nullopt;
    DhcpReply out{.type = DhcpType::kDiscover};
    out.lease.address = body->yours;
    out.lease.mask = htonl(kClassCMask);
    while (auto const option = reader.take<uint8_t>()) {
        if (*option == kPad) continue;
        if (*option == kEnd) break;
        auto const length = reader.take<uint8_t>();
        auto const value = length ? reader.take_bytes(*length) : std::nullopt;
        if (!value) return std::nullopt;
        take_option(*option, *value, out);
    }
    bool const gives = out.type == DhcpType::kOffer || out.type == DhcpType::kAck;
    if (gives && is_of_a_host(out.lease.address)) return out;
    return out.type == DhcpType::kNak ? std::optional(out) : std::nullopt;
}

}  // namespace krun::init
