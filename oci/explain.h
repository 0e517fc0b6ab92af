// SPDX-License-Identifier: Apache-2.0
// For each member of a config.json: where it takes effect, or why not. From the rows that decide it.
#pragma once
#include <string>
#include <vector>

#include "base/json.h"

namespace krun::oci {

struct Explanation {
    std::string path;    // "process.rlimits[0].type"
    std::string effect;  // "host", "guest", "host and guest", "ignored" or "refused"
    std::string why;     // may be empty
};

// In the order of the text, innermost members alone. `config` need not be valid: what has no row is
// "ignored", as runtime-spec config.md#extensibility asks for. An empty member that would be refused is
// ignored.
std::vector<Explanation> explain(Json const& config);

}  // namespace krun::oci
