// SPDX-License-Identifier: Apache-2.0
// TCP segments in Ethernet frames, made the simple way, and a long one cut as a network card would.
#pragma once
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "vmm/device/net_protocol.h"

namespace krun::vmm {

inline std::string big_endian(uint64_t value, size_t bytes) {
    std::string out;
    while (bytes-- > 0) out.push_back(static_cast<char>(value >> (8 * bytes)));
    return out;
}

inline uint16_t simple_checksum(std::string const& bytes) {
    uint32_t sum = 0;
    for (size_t i = 0; i < bytes.size(); ++i)
        sum += static_cast<uint32_t>(static_cast<uint8_t>(bytes[i])) << (i % 2 == 0 ? 8 : 0);
    while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
    return static_cast<uint16_t>(~sum);
}

struct TcpFrame {
    bool ipv6 = false;
    uint32_t sequence = 0;
    std::string payload{};
    uint8_t flags = 0x10;   // ACK
    std::string options{};  // of TCP, whole words
    uint16_t source = 80;
    uint32_t acknowledged = 7;
    uint16_t window = 500;
    uint8_t traffic_class = 0;
    uint8_t ttl = 64;
    uint16_t id = 0;
    uint16_t fragment = 0x4000;  // do not
    uint8_t protocol = 6;
    std::string macs = "\2aaaaa\2bbbbb";

    std::string addresses() const { return std::string(ipv6 ? 32 : 8, '\x0a'); }
    std::string tcp(uint16_t checksum) const {
        return big_endian(source, 2) + big_endian(4000, 2) + big_endian(sequence, 4) +
               big_endian(acknowledged, 4) + big_endian((5 + options.size() / 4) << 4, 1) +
               big_endian(flags, 1) + big_endian(window, 2) + big_endian(checksum, 2) + big_endian(0, 2) +
               options + payload;
    }
    std::string ip(uint16_t checksum, size_t tcp_bytes) const {
        if (ipv6)
            return big_endian(0x60000000 | uint32_t{traffic_class} << 20, 4) + big_endian(tcp_bytes, 2) +
                   big_endian(protocol, 1) + big_endian(ttl, 1) + addresses();
        return big_endian(0x45, 1) + big_endian(traffic_class, 1) + big_endian(20 + tcp_bytes, 2) +
               big_endian(id, 2) + big_endian(fragment, 2) + big_endian(ttl, 1) + big_endian(protocol, 1) +
               big_endian(checksum, 2) + addresses();
    }
    std::string bytes() const {
        size_t const tcp_bytes = 20 + options.size() + payload.size();
        auto const pseudo = addresses() + big_endian(6, 2) + big_endian(tcp_bytes, 2);
        return macs + big_endian(ipv6 ? 0x86dd : 0x0800, 2) +
               ip(simple_checksum(ip(0, tcp_bytes)), tcp_bytes) + tcp(simple_checksum(pseudo + tcp(0)));
    }
};

// The segments that `frame` is, if `header` says that it is several, else `frame`. Of all that a driver that
// cuts it looks at, nothing is taken from anywhere else. "" in place of what cannot be cut.
inline std::vector<std::string> segments_of(NetHeader const& header, std::string const& frame) {
    if (header.gso_type == kGsoNone) return {header.flags == 0 ? frame : ""};
    bool const ipv6 = header.gso_type == kGsoTcp6;
    size_t const tcp = header.checksum_start;
    size_t const payload = header.header_bytes;
    if (tcp != size_t{14} + (ipv6 ? 40 : 20) || header.flags != kNetNeedsChecksum ||
        header.checksum_offset != 16 || payload < tcp + 20 || payload >= frame.size() ||
        header.gso_bytes == 0)
        return {""};
    uint32_t sequence = 0;
    for (size_t i = 0; i < 4; ++i) sequence = sequence << 8 | static_cast<uint8_t>(frame[tcp + 4 + i]);
    auto const pseudo_of = [&](size_t tcp_bytes) {
        return frame.substr(ipv6 ? 22 : 26, ipv6 ? 32 : 8) + big_endian(6, 2) + big_endian(tcp_bytes, 2);
    };
    // What was filled in for the whole is right, too.
    size_t const whole = frame.size() - tcp;
    auto const partial = static_cast<uint16_t>(~simple_checksum(pseudo_of(whole)));
    if (frame.substr(tcp + 16, 2) != big_endian(partial, 2)) return {""};
    if (frame.substr(ipv6 ? 18 : 16, 2) != big_endian(whole + (ipv6 ? 0 : 20), 2)) return {""};
    if (!ipv6 && simple_checksum(frame.substr(14, 20)) != 0) return {""};

    std::vector<std::string> out;
    for (size_t at = payload; at < frame.size(); at += header.gso_bytes) {
        std::string one = frame.substr(0, payload) + frame.substr(at, header.gso_bytes);
        bool const last = at + header.gso_bytes >= frame.size();
        if (!last) one[tcp + 13] = static_cast<char>(one[tcp + 13] & ~0x08);  // PSH is the last one's
        one.replace(tcp + 4, 4, big_endian(sequence + (at - payload), 4));
        size_t const tcp_bytes = one.size() - tcp;
        one.replace(ipv6 ? 18 : 16, 2, big_endian(tcp_bytes + (ipv6 ? 0 : 20), 2));
        if (!ipv6) one.replace(24, 2, std::string(2, '\0'));
        if (!ipv6) one.replace(24, 2, big_endian(simple_checksum(one.substr(14, 20)), 2));
        one.replace(tcp + 16, 2, std::string(2, '\0'));
        one.replace(tcp + 16, 2, big_endian(simple_checksum(pseudo_of(tcp_bytes) + one.substr(tcp)), 2));
        out.push_back(std::move(one));
    }
    return out;
}

}  // namespace krun::vmm
