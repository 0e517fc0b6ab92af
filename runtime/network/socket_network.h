// SPDX-License-Identifier: Apache-2.0
// A machine whose network is a program of the host's that listens on a unix socket (krun-oci.net), and none
// of the host's interfaces. In the guest it is eth0, which asks for its address.
#pragma once
#include "base/error.h"
#include "base/unique_fd.h"
#include "oci/network_annotation.h"
#include "runtime/network/network_plan.h"

namespace krun::runtime {

// Connects, with what the program expects at first. Its words name the socket.
Result<UniqueFd> connect_network(oci::NetworkAnnotation const& wanted);

// One that nobody else has (IEEE 802, locally administered).
std::array<uint8_t, 6> any_mac();

NetworkPlan plan_for_socket(oci::NetworkAnnotation const& wanted);

}  // namespace krun::runtime
