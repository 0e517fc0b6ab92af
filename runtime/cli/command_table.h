// SPDX-License-Identifier: Apache-2.0
// All commands. To add one: its file cmd_NAME.cc with its row, a declaration here, a line in the table.
#pragma once
#include <span>
#include <string_view>

#include "runtime/cli/command.h"

namespace krun::runtime {

extern Command const kCheckCommand;
extern Command const kCreateCommand;
extern Command const kDeleteCommand;
extern Command const kEvidenceCommand;
extern Command const kEventsCommand;
extern Command const kExecCommand;
extern Command const kExplainCommand;
extern Command const kFeaturesCommand;
extern Command const kKillCommand;
extern Command const kListCommand;
extern Command const kPsCommand;
extern Command const kPauseCommand;
extern Command const kResumeCommand;
extern Command const kRunCommand;
extern Command const kSpecCommand;
extern Command const kStartCommand;
extern Command const kStateCommand;
extern Command const kUpdateCommand;

// In the order of the help text.
std::span<Command const* const> commands();
// nullptr if there is none.
Command const* find_command(std::string_view name);

}  // namespace krun::runtime
