// SPDX-License-Identifier: Apache-2.0
// A machine whose network is passt(1): a process without privileges, whose sockets in a network namespace
// stand for the guest's. So a guest can use a namespace that it cannot have to itself, as the host's own.
#pragma once
#include <map>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/unique_fd.h"
#include "oci/ports_annotation.h"
#include "runtime/cgroup/cgroup.h"

namespace krun::runtime {

enum class PasstFamilies { kAll, kIpv4 };

// Starts one in the namespace of the caller, in the cgroup `home`, and returns what goes with
// ControlOp::kStart (network/setup.h). It ends with the machine that has the descriptor. The guest gets the
// interface of the default route as it is there, but for its MAC address. `asked` as plan_for_guest() has it.
// What comes to `ports` of the namespace reaches the guest. kUnsupported if there is no passt, or nothing
// that it could use, or somebody else has one of the ports.
Result<std::vector<UniqueFd>> start_passt(Cgroup const& home, std::map<std::string, std::string> const& asked,
                                          PasstFamilies families, oci::PortsAnnotation const& ports = {});

}  // namespace krun::runtime
