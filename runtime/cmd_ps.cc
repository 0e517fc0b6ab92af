// SPDX-License-Identifier: Apache-2.0
// krun-oci ps: the host's processes of a container. There is one: what runs inside is the guest's.
#include "base/strings.h"
#include "runtime/command_table.h"
#include "runtime/container.h"

namespace krun::runtime {
namespace {

Result<Outcome> ps(Globals const& globals, Options const& options) {
    std::string const format = options.value("format");
    if (format != "" && format != "table" && format != "json")
        return fail(Error(Errc::kInvalidConfig, "--format " + quoted(format) + ": must be table or json"));
    auto const container = TRY(Container::open(globals.root, options.positionals()[0]));
    State const state = container.state();
    if (state != State::kCreated && state != State::kRunning)
        return fail(Error(Errc::kBadState, "container not running"));
    std::string const pid = std::to_string(container.record().container.pid);
    return Outcome{.output = format == "json" ? "[" + pid + "]\n" : "PID\n" + pid + "\n"};
}

constexpr Flag kFlags[] = {{"format", 'f', "table|json", "how to print"}, kHelpFlag};

}  // namespace

constinit Command const kPsCommand = {
    .name = "ps",
    .arguments = "ID [PS OPTIONS]",
    .summary = "list a container's processes on the host",
    .min_positionals = 1,
    .max_positionals = 64,  // options of ps(1) may follow; there is nothing they could change
    .positionals = Positionals::kStopAtFirst,
    .flags = kFlags,
    .run = ps,
};

}  // namespace krun::runtime
