// SPDX-License-Identifier: Apache-2.0
#include "vmm/device/tcp_run.h"

#include <endian.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "base/internet_checksum.h"
#include "vmm/device/iovec_writer.h"

namespace krun::vmm {
namespace {

using Bytes = std::span<std::byte const>;

// Ethernet II, IPv4 without options (RFC 791), IPv6 without extensions (RFC 8200), TCP (RFC 9293).
constexpr size_t kEtherType = 12;
constexpr uint16_t kIpv4 = 0x0800;
constexpr uint16_t kIpv6 = 0x86dd;
constexpr std::byte kProtocolTcp{6};
constexpr size_t kMaxIpBytes = 65535;

constexpr size_t kIp = kEthernetHeaderBytes;
constexpr size_t kIpv4Bytes = 20;
constexpr size_t kIpv4Total = kIp + 2;
constexpr size_t kIpv4Fragment = kIp + 6;
constexpr size_t kIpv4Protocol = kIp + 9;
constexpr size_t kIpv4Checksum = kIp + 10;
constexpr size_t kIpv4Addresses = kIp + 12;
constexpr uint16_t kDontFragment = 0x4000;

constexpr size_t kIpv6Bytes = 40;
constexpr size_t kIpv6Payload = kIp + 4;
constexpr size_t kIpv6Next = kIp + 6;
constexpr size_t kIpv6Addresses = kIp + 8;

// Behind the IP header.
constexpr size_t kTcpBytes = 20;
constexpr size_t kTcpSequence = 4;
constexpr size_t kTcpAcknowledged = 8;
constexpr size_t kTcpOffset = 12;
constexpr size_t kTcpFlags = 13;
constexpr size_t kTcpWindow = 14;
constexpr size_t kTcpChecksum = 16;
constexpr size_t kTcpUrgent = 18;
constexpr std::byte kPush{0x08};
constexpr std::byte kAck{0x10};

template <class Value>
Value load(Bytes from, size_t at) {
    Value value;
    std::memcpy(&value, from.data() + at, sizeof value);
    return value;
}
uint16_t load16(Bytes from, size_t at) {
    return be16toh(load<uint16_t>(from, at));
}
uint32_t load32(Bytes from, size_t at) {
    return be32toh(load<uint32_t>(from, at));
}

void store16(std::span<std::byte> to, size_t at, size_t value) {
    uint16_t const wire = htobe16(static_cast<uint16_t>(value));
    std::memcpy(&to[at], &wire, sizeof wire);
}

bool is_ipv4(Bytes frame) {
    return frame.size() >= kIp + kIpv4Bytes && load16(frame, kEtherType) == kIpv4 &&
           frame[kIp] == std::byte{0x45} && load16(frame, kIpv4Total) == frame.size() - kIp &&
           (load16(frame, kIpv4Fragment) & ~kDontFragment) == 0 && frame[kIpv4Protocol] == kProtocolTcp;
}

bool is_ipv6(Bytes frame) {
    return frame.size() >= kIp + kIpv6Bytes && load16(frame, kEtherType) == kIpv6 &&
           (frame[kIp] & std::byte{0xf0}) == std::byte{0x60} &&
           load16(frame, kIpv6Payload) == frame.size() - kIp - kIpv6Bytes && frame[kIpv6Next] == kProtocolTcp;
}

// What TCP's checksum has beside the segment: addresses, length and protocol.
InternetSum pseudo_header(Bytes frame, bool ipv6, size_t tcp_bytes) {
    std::array<std::byte, 4> const rest{std::byte{}, kProtocolTcp, static_cast<std::byte>(tcp_bytes >> 8),
                                        static_cast<std::byte>(tcp_bytes)};
    auto const addresses = ipv6 ? frame.subspan(kIpv6Addresses, 32) : frame.subspan(kIpv4Addresses, 8);
    return InternetSum().add(addresses).add(rest);
}

}  // namespace

// Data and nothing else: no other flag than ACK and PSH.
std::optional<TcpRun::Segment> TcpRun::segment_in(Bytes frame) {
    bool const ipv6 = is_ipv6(frame);
    if (!ipv6 && !is_ipv4(frame)) return std::nullopt;
    size_t const tcp = kIp + (ipv6 ? kIpv6Bytes : kIpv4Bytes);
    if (frame.size() < tcp + kTcpBytes) return std::nullopt;
    auto const offset = std::to_integer<size_t>(frame[tcp + kTcpOffset]);
    size_t const payload = tcp + (offset >> 4) * 4;
    bool const is_data = (offset & 0xf) == 0 && payload >= tcp + kTcpBytes && payload < frame.size() &&
                         (frame[tcp + kTcpFlags] & ~kPush) == kAck;
    return is_data ? std::optional(Segment{ipv6, tcp, payload}) : std::nullopt;
}

// Whether its checksums are right: the guest will not look at them.
bool TcpRun::is_sound(Bytes frame, Segment const& segment) {
    bool const ip = segment.is_ipv6 || InternetSum().add(frame.subspan(kIp, kIpv4Bytes)).folded() == 0xffff;
    auto const tcp = frame.subspan(segment.tcp);
    return ip && pseudo_header(frame, segment.is_ipv6, tcp.size()).add(tcp).folded() == 0xffff;
}

bool TcpRun::begin(Bytes frame, uint64_t offloads, size_t longest) {
    auto const segment = segment_in(frame);
    if (!segment) return false;
    uint64_t const needed =
        kNetFeatureGuestCsum | (segment->is_ipv6 ? kNetFeatureGuestTso6 : kNetFeatureGuestTso4);
    if ((offloads & needed) != needed) return false;
    first_ = frame;
    segment_ = *segment;
    first_is_sound_ = false;
    next_ = load32(frame, segment->tcp + kTcpSequence);
    payloads_.clear();
    bytes_ = segment->payload;
    longest_ = std::min(longest, kIp + kMaxIpBytes);
    append(frame);
    return true;
}

bool TcpRun::add(Bytes frame) {
    if (!is_open_ || !continues(frame)) return false;
    if (!first_is_sound_ && !is_sound(first_, segment_)) return is_open_ = false;
    first_is_sound_ = true;
    if (!is_sound(frame, segment_)) return is_open_ = false;
    append(frame);
    return true;
}

// What a segment that is cut from a longer one has as the one before it, and where it begins.
bool TcpRun::continues(Bytes frame) const {
    auto const segment = segment_in(frame);
    if (!segment || segment->is_ipv6 != segment_.is_ipv6 || segment->payload != segment_.payload)
        return false;
    auto const alike = [&](size_t from, size_t to) {
        return std::memcmp(&frame[from], &first_[from], to - from) == 0;
    };
    size_t const tcp = segment_.tcp;
    bool const same_ip = segment_.is_ipv6 ? alike(0, kIpv6Payload) && alike(kIpv6Next, tcp)
                                          : alike(0, kIpv4Total) && alike(kIpv4Fragment, kIpv4Checksum) &&
                                                alike(kIpv4Addresses, tcp);
    bool const same_tcp = alike(tcp, tcp + kTcpSequence) && alike(tcp + kTcpAcknowledged, tcp + kTcpFlags) &&
                          alike(tcp + kTcpWindow, tcp + kTcpChecksum) &&
                          alike(tcp + kTcpUrgent, segment_.payload);
    return same_ip && same_tcp && load32(frame, tcp + kTcpSequence) == next_ &&
           frame.size() <= first_.size() && bytes_ + frame.size() - segment_.payload <= longest_;
}

// The last is the one that is shorter, or asks to be given on.
void TcpRun::append(Bytes frame) {
    auto const payload = frame.subspan(segment_.payload);
    payloads_.push_back(payload);
    bytes_ += payload.size();
    next_ += static_cast<uint32_t>(payload.size());
    flags_ = frame[segment_.tcp + kTcpFlags];
    is_open_ = frame.size() == first_.size() && (flags_ & kPush) == std::byte{};
}

void TcpRun::write(std::span<iovec const> parts) const {
    NetHeader header{};
    header.flags = kNetNeedsChecksum;
    header.gso_type = segment_.is_ipv6 ? kGsoTcp6 : kGsoTcp4;
    header.header_bytes = static_cast<uint16_t>(segment_.payload);
    header.gso_bytes = static_cast<uint16_t>(payloads_.front().size());
    header.checksum_start = static_cast<uint16_t>(segment_.tcp);
    header.checksum_offset = kTcpChecksum;
    IovecWriter out(parts);
    out.write(std::as_bytes(std::span(&header, 1)));
    std::array<std::byte, kMaxHeadBytes> head;
    out.write(std::span(head).first(make_head(head)));
    for (auto const payload : payloads_) out.write(payload);
}

// The first frame's, for as many bytes as there are now; in TCP's checksum is the pseudo-header's (§5.1.6.2).
size_t TcpRun::make_head(std::span<std::byte, kMaxHeadBytes> head) const {
    std::copy_n(first_.begin(), segment_.payload, head.begin());
    if (segment_.is_ipv6) {
        store16(head, kIpv6Payload, bytes_ - kIp - kIpv6Bytes);
    } else {
        store16(head, kIpv4Total, bytes_ - kIp);
        store16(head, kIpv4Checksum, 0);
        uint16_t const checksum = InternetSum().add(head.subspan(kIp, kIpv4Bytes)).checksum();
        std::memcpy(&head[kIpv4Checksum], &checksum, sizeof checksum);
    }
    head[segment_.tcp + kTcpFlags] = flags_;
    uint16_t const pseudo = pseudo_header(head, segment_.is_ipv6, bytes_ - segment_.tcp).folded();
    std::memcpy(&head[segment_.tcp + kTcpChecksum], &pseudo, sizeof pseudo);
    return segment_.payload;
}

}  // namespace krun::vmm
