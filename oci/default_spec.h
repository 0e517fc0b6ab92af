// SPDX-License-Identifier: Apache-2.0
// The config.json that `krun-oci spec` writes.
#pragma once
#include <string>

#include "oci/spec.h"

namespace krun::oci {

// A shell in ./rootfs with the mounts, limits and capabilities that runc's template has. It is valid.
Spec default_spec();

// Any Spec as config.json, indented, without a newline at its end. Members with default values are left out.
std::string write_spec(Spec const& spec);

}  // namespace krun::oci
