// SPDX-License-Identifier: Apache-2.0
// The interfaces of a network namespace that a guest takes over.
#pragma once
#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "runtime/network/netlink.h"

namespace krun::runtime {

// What the interfaces are called that this program makes; a number follows.
inline constexpr char kTapPrefix[] = "krun";

struct HostInterface {
    uint32_t index = 0;
    std::string name;
    std::array<uint8_t, 6> mac{};
    uint16_t mtu = 0;
    bool has_ipv6 = false;  // its kernel speaks it there
};

// Those that are up and speak Ethernet, in the order of their numbers: not loopback, none that belongs to a
// bridge or bond, and none of ours. `passed_over` gets the names of those that are up and of another kind.
Result<std::vector<HostInterface>> list_interfaces(Netlink const& netlink,
                                                   std::vector<std::string>* passed_over = nullptr);

}  // namespace krun::runtime
