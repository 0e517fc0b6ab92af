// SPDX-License-Identifier: Apache-2.0
// The container's network, handed to its guest: at `start`, because engines may configure the namespace until
// then (runtime-spec runtime.md#lifecycle, steps 3 to 7), and by the command that starts, which still has the
// privileges for it. Work in the namespace is done by a child process that ends: its caller may have no way
// back out of one.
#pragma once
#include <sys/types.h>

#include <string>
#include <vector>

#include "base/error.h"
#include "base/unique_fd.h"
#include "oci/spec.h"
#include "runtime/cgroup/cgroup.h"

namespace krun::runtime {

// How many interfaces a machine can be given at `start`, unless its namespace has more already at `create`.
// Each is some five million instructions of the boot.
inline constexpr uint32_t kUsualNetworkSlots = 1;

// What tells one network namespace from all others; the default is none.
struct NetworkNamespace {
    dev_t device = 0;
    ino_t inode = 0;
    bool operator==(NetworkNamespace const&) const = default;
};
NetworkNamespace network_namespace_of(std::string const& process);  // "self", or a number

// For the container process, in the namespace that it is going to stay in: how many interfaces its machine
// may need. None in its creator's own, unless config.json names another network.
uint32_t network_slots(NetworkNamespace creators, oci::Spec const& spec);

// What goes with ControlOp::kStart: a NetworkPlan's file, then what carries its interfaces' frames, in its
// order. Empty if there is nothing to hand over: nothing but loopback or, with a line in the log, a namespace
// whose interfaces another machine has, or the host's own where passt cannot be used. `home` is the
// container's cgroup, for a process that carries frames; `vcpus`: of the machine.
Result<std::vector<UniqueFd>> take_over_network(pid_t container, oci::Spec const& spec, Cgroup const& home,
                                                uint32_t vcpus);

// Whether this kernel can hand an interface over: tries with loopback's, in a namespace that ends with the
// attempt. Needs the privilege to make one. Returns why it can do so only by packet sockets, or nothing.
Result<std::string> try_hand_over();

// After the end of the machine: a namespace that stays gets its interfaces back. `path` may be empty.
void give_back_network(std::string const& path);

}  // namespace krun::runtime
