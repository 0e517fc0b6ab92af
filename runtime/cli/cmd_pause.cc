// SPDX-License-Identifier: Apache-2.0
// krun-oci pause: stop a container and its machine where they are.
#include "runtime/cli/command_table.h"
#include "runtime/state/container.h"

namespace krun::runtime {
namespace {

Result<Outcome> pause(Globals const& globals, Options const& options) {
    auto const container = TRY(Container::open(globals.root, options.positionals()[0]));
    TRY(container.pause());
    return Outcome{};
}

constexpr Flag kFlags[] = {kHelpFlag};

}  // namespace

constinit Command const kPauseCommand = {
    .name = "pause",
    .arguments = "ID",
    .summary = "stop a container and its machine where they are",
    .min_positionals = 1,
    .max_positionals = 1,
    .positionals = Positionals::kAnywhere,
    .flags = kFlags,
    .run = pause,
};

}  // namespace krun::runtime
