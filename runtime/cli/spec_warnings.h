// SPDX-License-Identifier: Apache-2.0
// What a configuration asks for and a payload in a machine of its own does not get, although the container is
// made: engines ask for it without need.
#pragma once
#include <string>
#include <vector>

#include "oci/spec.h"

namespace krun::runtime {

// One line each, which begins with the field. What is passed is validated.
std::vector<std::string> process_warnings(oci::Process const& process);
// Those of spec.process too.
std::vector<std::string> spec_warnings(oci::Spec const& spec);

}  // namespace krun::runtime
