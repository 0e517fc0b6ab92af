// SPDX-License-Identifier: Apache-2.0
// krun-oci start: run the program of a created container.
#include "runtime/cli/command_table.h"
#include "runtime/state/container.h"

namespace krun::runtime {
namespace {

Result<Outcome> start(Globals const& globals, Options const& options) {
    auto container = TRY(Container::open(globals.root, options.positionals()[0]));
    TRY(container.start());
    return Outcome{};
}

constexpr Flag kFlags[] = {kHelpFlag};

}  // namespace

constinit Command const kStartCommand = {
    .name = "start",
    .arguments = "ID",
    .summary = "run the program of a created container",
    .min_positionals = 1,
    .max_positionals = 1,
    .positionals = Positionals::kAnywhere,
    .flags = kFlags,
    .run = start,
};

}  // namespace krun::runtime
