// SPDX-License-Identifier: Apache-2.0
// Hands the frames of a network interface to a tap interface beside it, and back: what arrives at the one
// leaves by the other before the namespace's own stack sees it (tc-mirred(8)). The interface keeps its
// addresses and its place in the engine's view; who answers for them is the guest.
#pragma once
#include <vector>

#include "base/unique_fd.h"
#include "runtime/network/interfaces.h"

namespace krun::runtime {

// Makes the tap interface, which exists as long as a descriptor that is returned, and both redirections. It
// has as many queues, a descriptor each; all but the first are detached. In the namespace of the caller;
// needs CAP_NET_ADMIN there. kBadState if another machine has this interface, kUnsupported where no tap
// interface can be made.
Result<std::vector<UniqueFd>> redirect_to_tap(Netlink const& netlink, HostInterface const& interface,
                                              uint32_t queues);

// The number of the tap interface; an error if no machine has this interface.
Result<int> tap_of(Netlink const& netlink, HostInterface const& interface);

// What arrives at the interface is nobody's who does not listen by a packet socket.
Result<void> keep_from_own_stack(Netlink const& netlink, HostInterface const& interface);

// Removes what one of these put at the interface, which the end of the machine does not.
void remove_redirection(Netlink const& netlink, HostInterface const& interface);

}  // namespace krun::runtime
