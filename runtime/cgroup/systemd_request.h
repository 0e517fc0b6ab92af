// SPDX-License-Identifier: Apache-2.0
// Asking systemd, the host's or the user's own, by way of krun-oci-systemd (runtime/systemd/).
#pragma once
#include <string>

#include "base/error.h"
#include "runtime/cgroup/unit_properties.h"

namespace krun::runtime {

// Each waits until it is done, thirty seconds at most. Without root, or as root of a user namespace only, it
// is the user's systemd. kUnsupported without the program, kSystem with what systemd said.

// Makes a transient unit. A name that is taken is an error.
Result<void> start_unit(std::string const& unit, UnitProperties const& properties);
// Until the unit ends.
Result<void> set_unit_properties(std::string const& unit, UnitProperties const& properties);

}  // namespace krun::runtime
