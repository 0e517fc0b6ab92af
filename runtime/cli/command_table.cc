// SPDX-License-Identifier: Apache-2.0
#include "runtime/cli/command_table.h"

#include <algorithm>

namespace krun::runtime {
namespace {

// A command that engines may call and that we do not have yet: a clear error, also for --help, because Podman
// takes a working `checkpoint --help` for support.
constexpr Command missing(char const* name) {
    return {.name = name,
            .arguments = "",
            .summary = "",
            .min_positionals = 0,
            .max_positionals = 0,
            .positionals = Positionals::kAnywhere,
            .flags = {},
            .run = nullptr};
}

constexpr Command kCheckpointCommand = missing("checkpoint");
constexpr Command kRestoreCommand = missing("restore");

constexpr Command const* kCommands[] = {
    // runc's
    &kCreateCommand,
    &kStartCommand,
    &kRunCommand,
    &kStateCommand,
    &kKillCommand,
    &kDeleteCommand,
    &kListCommand,
    &kPsCommand,
    &kSpecCommand,
    &kFeaturesCommand,
    &kExecCommand,
    &kPauseCommand,
    &kResumeCommand,
    &kUpdateCommand,
    &kEventsCommand,
    &kCheckpointCommand,
    &kRestoreCommand,
    // our own
    &kCheckCommand,
    &kExplainCommand,
    &kEvidenceCommand,
};

}  // namespace

std::span<Command const* const> commands() {
    return kCommands;
}

Command const* find_command(std::string_view name) {
    auto const found = std::find_if(std::begin(kCommands), std::end(kCommands),
                                    [&](Command const* command) { return command->name == name; });
    return found == std::end(kCommands) ? nullptr : *found;
}

}  // namespace krun::runtime
