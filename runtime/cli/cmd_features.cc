// SPDX-License-Identifier: Apache-2.0
// krun-oci features: what this runtime can do (runtime-spec features.md). Looks at nothing on the host:
// engines ask once, before there is a container.
#include "oci/features.h"
#include "runtime/cli/command_table.h"

namespace krun::runtime {
namespace {

Result<Outcome> features(Globals const& /*globals*/, Options const& /*options*/) {
    return Outcome{.output = oci::features_json() + "\n"};
}

constexpr Flag kFlags[] = {kHelpFlag};

}  // namespace

constinit Command const kFeaturesCommand = {
    .name = "features",
    .arguments = "",
    .summary = "print what this runtime supports as JSON",
    .min_positionals = 0,
    .max_positionals = 0,
    .positionals = Positionals::kAnywhere,
    .flags = kFlags,
    .run = features,
};

}  // namespace krun::runtime
