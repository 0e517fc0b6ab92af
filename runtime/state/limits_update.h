// SPDX-License-Identifier: Apache-2.0
// New limits for a container that runs: in the host's cgroup around the machine, and in the payload's in the
// guest.
#pragma once
#include "base/error.h"
#include "oci/spec.h"
#include "runtime/state/container.h"

namespace krun::runtime {

// Writes what `wanted` names and leaves the rest: all of it or nothing, as far as the kernels let old values
// be put back. kUnsupported for more memory or processors than the machine has, which it cannot get while it
// runs. kBadState unless the container is created or running. Waits for the guest, each file ten seconds at
// most.
// REQUIRES: `wanted` is validated.
Result<void> update_limits(Container const& container, oci::Resources wanted);

}  // namespace krun::runtime
