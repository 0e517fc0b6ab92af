// SPDX-License-Identifier: Apache-2.0
// krun-oci kill: send a signal to a container's program.
#include "runtime/cli/command_table.h"
#include "runtime/cli/signal_name.h"
#include "runtime/state/container.h"

namespace krun::runtime {
namespace {

Result<Outcome> kill(Globals const& globals, Options const& options) {
    auto const& words = options.positionals();
    int const signal = TRY(parse_signal(words.size() > 1 ? words[1] : "TERM"));
    auto const container = TRY(Container::open(globals.root, words[0]));
    // Engines call it with --all to be sure that nothing is left: of a stopped container nothing is.
    if (options.on("all") && container.state() == State::kStopped) return Outcome{};
    TRY(container.kill(signal, options.on("all") ? Container::Target::kAll : Container::Target::kPayload));
    return Outcome{};
}

constexpr Flag kFlags[] = {{"all", 'a', nullptr, "all processes of the container"}, kHelpFlag};

}  // namespace

constinit Command const kKillCommand = {
    .name = "kill",
    .arguments = "ID [SIGNAL]",
    .summary = "send a signal to a container (default TERM)",
    .min_positionals = 1,
    .max_positionals = 2,
    .positionals = Positionals::kStopAtFirst,
    .flags = kFlags,
    .run = kill,
};

}  // namespace krun::runtime
