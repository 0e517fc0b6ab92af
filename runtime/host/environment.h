// SPDX-License-Identifier: Apache-2.0
// Environments as config.json has them: "NAME=value" each.
#pragma once
#include <string>
#include <vector>

namespace krun::runtime {

// `entry` in the place of all of its name: getenv(3) would find the first of several.
inline void set_variable(std::vector<std::string>& env, std::string const& entry) {
    auto const end_of_name = entry.find('=');
    if (end_of_name != entry.npos) {
        auto const name = entry.substr(0, end_of_name + 1);
        std::erase_if(env, [&](std::string const& other) { return other.starts_with(name); });
    }
    env.push_back(entry);
}

}  // namespace krun::runtime
