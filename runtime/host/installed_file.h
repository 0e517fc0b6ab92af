// SPDX-License-Identifier: Apache-2.0
// Where files of ours are that no environment names: engines run us with an empty one.
#pragma once
#include <string>
#include <vector>

namespace krun::runtime {

// The places of `name`, the best first: beside this program's directory, then where packages put it. Nothing
// is looked up.
std::vector<std::string> installed_places(std::string const& name);

}  // namespace krun::runtime
