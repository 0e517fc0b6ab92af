// SPDX-License-Identifier: Apache-2.0
// A user namespace of the host's that a container is to share (linux.namespaces, user with a path). The
// container process does not enter it: its file server needs the privileges over the container's ids that it
// has outside. The guest makes a namespace with the same maps, which is all that a payload can tell.
#pragma once
#include "base/error.h"
#include "oci/spec.h"

namespace krun::runtime {

// Sets the id maps of `linux` to those of the namespace that it names by a path; without one changes nothing.
// The caller's own has no maps to be learnt: those of config.json stay, without any there is no user
// namespace for the payload. kInvalidConfig for what is no user namespace, or one without maps. Forks a
// process that enters it; call from a single-threaded process.
Result<void> take_maps_of_joined_user_namespace(oci::Linux& linux);

}  // namespace krun::runtime
