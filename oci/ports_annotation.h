// SPDX-License-Identifier: Apache-2.0
// The value of krun-oci.ports: `FIRST[-LAST][/tcp|/udp][,…]`, on which ports of the host's own network the
// payload is reached.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace krun::oci {

struct PortRange {
    uint16_t first;  // from 1
    uint16_t last;   // itself included
    bool operator==(PortRange const&) const = default;
};

struct PortsAnnotation {
    std::vector<PortRange> tcp;
    std::vector<PortRange> udp;
    bool empty() const { return tcp.empty() && udp.empty(); }
};

// A text that says what is wrong with `value`, or nothing and `out` is set.
std::optional<std::string> read_ports_annotation(std::string const& value, PortsAnnotation& out);

}  // namespace krun::oci
