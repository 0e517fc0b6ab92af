// SPDX-License-Identifier: Apache-2.0
// krun-oci resume: let a paused container go on.
#include "runtime/cli/command_table.h"
#include "runtime/state/container.h"

namespace krun::runtime {
namespace {

Result<Outcome> resume(Globals const& globals, Options const& options) {
    auto const container = TRY(Container::open(globals.root, options.positionals()[0]));
    TRY(container.resume());
    return Outcome{};
}

constexpr Flag kFlags[] = {kHelpFlag};

}  // namespace

constinit Command const kResumeCommand = {
    .name = "resume",
    .arguments = "ID",
    .summary = "let a paused container go on",
    .min_positionals = 1,
    .max_positionals = 1,
    .positionals = Positionals::kAnywhere,
    .flags = kFlags,
    .run = resume,
};

}  // namespace krun::runtime
