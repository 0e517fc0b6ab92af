// SPDX-License-Identifier: Apache-2.0
// krun-oci create: boot a container's machine and let it wait for start.
#include "runtime/cli/command_table.h"
#include "runtime/cli/creation_flags.h"

namespace krun::runtime {
namespace {

Result<Outcome> create(Globals const& globals, Options const& options) {
    auto request = TRY(read_create_request(options));
    TRY(create_container(globals, std::move(request)));
    return Outcome{};
}

constexpr Flag kFlags[] = {kBundleFlag,       kConsoleSocketFlag, kPidFileFlag,
                           kPidfdSocketFlag,  kPreserveFdsFlag,   kNoPivotFlag,
                           kNoNewKeyringFlag, kNoSubreaperFlag,   kHelpFlag};

}  // namespace

constinit Command const kCreateCommand = {
    .name = "create",
    .arguments = "ID",
    .summary = "create a container",
    .min_positionals = 1,
    .max_positionals = 1,
    .positionals = Positionals::kAnywhere,
    .flags = kFlags,
    .run = create,
};

}  // namespace krun::runtime
