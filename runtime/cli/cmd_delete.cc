// SPDX-License-Identifier: Apache-2.0
// krun-oci delete: remove what is left of a container.
#include "runtime/cli/command_table.h"
#include "runtime/state/removal.h"

namespace krun::runtime {
namespace {

Result<Outcome> remove(Globals const& globals, Options const& options) {
    auto const store = TRY(Store::open(globals.root));
    TRY(delete_container(store, options.positionals()[0], options.on("force") ? Force::kYes : Force::kNo));
    return Outcome{};
}

constexpr Flag kFlags[] = {{"force", 'f', nullptr, "also when it runs, is damaged or does not exist"},
                           kHelpFlag};

}  // namespace

constinit Command const kDeleteCommand = {
    .name = "delete",
    .arguments = "ID",
    .summary = "delete a container",
    .min_positionals = 1,
    .max_positionals = 1,
    .positionals = Positionals::kAnywhere,
    .flags = kFlags,
    .run = remove,
};

}  // namespace krun::runtime
