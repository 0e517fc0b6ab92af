// SPDX-License-Identifier: Apache-2.0
// The config.json that `krun-oci spec` writes.
#pragma once
#include <cstdint>
#include <string>

#include "oci/spec.h"

namespace krun::oci {

// A shell in ./rootfs with the mounts, limits and capabilities that runc's template has. It is valid.
Spec default_spec();

// The same for a user without privileges: a user namespace whose root is that user, nothing that needs other
// ids, and the caller's network.
Spec rootless_spec(uint32_t uid, uint32_t gid);

// Any Spec as config.json, indented, without a newline at its end. Members with default values are left out.
std::string write_spec(Spec const& spec);

}  // namespace krun::oci
