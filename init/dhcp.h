// SPDX-License-Identifier: Apache-2.0
// An interface's address from whoever gives addresses there, before the payload runs. lease_keeper.h keeps
// it.
#pragma once
#include <array>
#include <cstdint>
#include <optional>
#include <string>

#include "base/error.h"
#include "init/dhcp_message.h"

namespace krun::init {

struct HeldLease {
    int interface;
    std::string name;  // the interface's
    std::array<uint8_t, 6> mac;
    DhcpLease lease;
};

// Asks for an address and gives it to the interface, which is up: with mask, default route and MTU. Waits
// some seconds for an answer; that there is none is no error, as a network may have IPv6 alone. One line in
// the log says so.
Result<std::optional<HeldLease>> configure_by_dhcp(int interface);

}  // namespace krun::init
