// SPDX-License-Identifier: Apache-2.0
// The host namespaces of the container process (runtime-spec config-linux.md#namespaces). What they isolate
// for the payload is isolated by the VM; these exist because clients look at /proc/PID/ns and because the
// container process itself shall not share the host's network.
#pragma once
#include <string>
#include <vector>

#include "base/error.h"
#include "base/unique_fd.h"
#include "oci/spec.h"

namespace krun::runtime {

// The descriptors of all namespaces given by path, opened and checked to be of the type they are listed as,
// even those that are not entered. Opened before anything changes, because a path may mean something else
// later.
struct NamespacePlan {
    struct Join {
        int type;  // CLONE_NEW*
        UniqueFd fd;
    };
    std::vector<Join> join;
    int create = 0;  // CLONE_NEW* flags
    // Of a UTS namespace that is created: who looks there sees the names that the guest has.
    std::string hostname{};  // empty: the caller's stays
    std::string domainname{};
};
Result<NamespacePlan> plan_namespaces(oci::Spec const& spec);

// Opens a namespace that is listed with a path. kInvalidConfig if it is not of `type`, a CLONE_NEW*.
Result<UniqueFd> open_namespace(oci::Namespace const& ns, int type);

// Enters and creates them for this process. The mount namespace is enter_container_root's.
Result<void> enter_namespaces(NamespacePlan const& plan);

}  // namespace krun::runtime
