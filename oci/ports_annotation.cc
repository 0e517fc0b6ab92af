// SPDX-License-Identifier: Apache-2.0
#include "oci/ports_annotation.h"

#include <string_view>

#include "base/strings.h"

namespace krun::oci {
namespace {

// As many sockets of passt's as half the descriptors that a process has by default.
constexpr size_t kMaxPorts = 512;

std::optional<uint16_t> read_port(std::string_view text) {
    auto const number = parse_uint64(text);
    if (!number || *number == 0 || *number > UINT16_MAX) return std::nullopt;
    return static_cast<uint16_t>(*number);
}

std::optional<PortRange> read_range(std::string_view text) {
    size_t const dash = text.find('-');
    auto const first = read_port(text.substr(0, dash));
    auto const last = dash == text.npos ? first : read_port(text.substr(dash + 1));
    if (!first || !last || *last < *first) return std::nullopt;
    return PortRange{*first, *last};
}

bool overlaps(std::vector<PortRange> const& ranges, PortRange range) {
    for (auto const& other : ranges)
        if (range.first <= other.last && other.first <= range.last) return true;
    return false;
}

}  // namespace

std::optional<std::string> read_ports_annotation(std::string const& value, PortsAnnotation& out) {
    PortsAnnotation ports;
    size_t count = 0;
    for (auto const part : split(value, ',')) {
        size_t const slash = part.find('/');
        auto const protocol = slash == part.npos ? std::string_view("tcp") : part.substr(slash + 1);
        if (protocol != "tcp" && protocol != "udp") return quoted(part) + " must end in /tcp or /udp";
        auto const range = read_range(part.substr(0, slash));
        if (!range) return quoted(part) + " must be a port from 1 to 65535, or a first and a last one";
        auto& ranges = protocol == "tcp" ? ports.tcp : ports.udp;
        if (overlaps(ranges, *range)) return quoted(part) + " has a port that was named before";
        ranges.push_back(*range);
        count += size_t{1} + range->last - range->first;
        if (count > kMaxPorts) return "must name at most " + std::to_string(kMaxPorts) + " ports";
    }
    out = std::move(ports);
    return {};
}

}  // namespace krun::oci
