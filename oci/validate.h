// SPDX-License-Identifier: Apache-2.0
// What config.json has to satisfy beyond the types of its members. Each error names the JSON path and quotes
// the value. Nothing here looks at the host.
#pragma once
#include <string>

#include "base/error.h"
#include "oci/spec.h"

namespace krun::oci {

// All checks, in the order of their table; the first that fails is the result.
Result<void> validate(Spec const& spec);

// A part on its own. `path` is what its members' paths begin with: "process", or empty for a file that
// holds the part alone.
Result<void> validate_process(Process const& process, std::string const& path);
Result<void> validate_resources(Resources const& resources, std::string const& path);
Result<void> validate_linux(Linux const& linux);
Result<void> validate_mappings(std::vector<IdMapping> const& mappings, std::string const& path);
Result<void> validate_seccomp(Linux const& linux);

}  // namespace krun::oci
