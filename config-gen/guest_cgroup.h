// SPDX-License-Identifier: Apache-2.0
// linux.resources as files of the payload's own cgroup in the guest
// (Documentation/admin-guide/cgroup-v2.rst), so that programs which size themselves by their cgroup see the
// limits they were given. The host's cgroup around the machine enforces most of them as well.
#pragma once
#include <map>
#include <string>

#include "oci/spec.h"

namespace krun {

// File name: what to write. Only of controllers that the guest kernel has; devices and I/O are the host's.
std::map<std::string, std::string> guest_cgroup(oci::Resources const& resources);

}  // namespace krun
