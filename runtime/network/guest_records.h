// SPDX-License-Identifier: Apache-2.0
// From a namespace's configuration to requests that give a guest the same: names, addresses, routes of the
// main table, permanent neighbours and sysctls.
#pragma once
#include <map>
#include <string>
#include <vector>

#include "runtime/network/interfaces.h"
#include "runtime/network/network_plan.h"

namespace krun::runtime {

// Reads the network namespace of the caller, /proc/sys included. `asked`: what config.json sets
// (linux.sysctl, with '/' between the parts): it wins over what the namespace has, and what of it concerns
// single interfaces is set here, because only now are there any. REQUIRES: at most kMaxNetworkInterfaces
// interfaces.
Result<NetworkPlan> plan_for_guest(Netlink const& netlink, std::vector<HostInterface> const& interfaces,
                                   std::map<std::string, std::string> const& asked);

}  // namespace krun::runtime
