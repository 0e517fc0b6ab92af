// SPDX-License-Identifier: Apache-2.0
// The way by which a machine gets the frames of its namespace's interfaces: by a tap interface beside each,
// or where there can be none by a packet socket at each. All of them go the same way.
#pragma once
#include <string>
#include <vector>

#include "base/error.h"
#include "base/unique_fd.h"
#include "runtime/network/interfaces.h"
#include "runtime/network/network_plan.h"

namespace krun::runtime {

struct TakenInterfaces {
    NetworkBackend backend;
    std::vector<UniqueFd> fds;  // the same number for each interface, in their order
    std::string remark;         // for the log; may be empty
};

// In the namespace of the caller, which is `ns`; needs CAP_NET_ADMIN there, and CAP_NET_RAW for packet
// sockets. `queues`: of each tap interface. `interfaces` are not empty. kBadState if another machine has one
// of them.
Result<TakenInterfaces> take_interfaces(Netlink const& netlink, std::vector<HostInterface> const& interfaces,
                                        BorrowedFd ns, uint32_t queues);

// Whether a machine has the namespace's interfaces by packet sockets: it locks it, flock(2), for as long as
// it lives. A tap interface tells of itself.
bool are_taken(BorrowedFd ns);

}  // namespace krun::runtime
