// SPDX-License-Identifier: Apache-2.0
// What a command is to the command line: one row. Help, usage errors and the list of commands come from rows.
#pragma once
#include <cstddef>
#include <span>
#include <string>

#include "base/error.h"
#include "runtime/cli/globals.h"
#include "runtime/cli/options.h"

namespace krun::runtime {

// What a command hands back to main, which alone prints.
struct Outcome {
    int status = 0;              // the exit status
    std::string output{};        // for stdout, as it is
    std::string complaint{};     // one line for stderr. Empty: none
    bool log_complaint = false;  // nobody else has logged it
};

using Handler = Result<Outcome> (*)(Globals const& globals, Options const& options);

struct Command {
    char const* name;
    char const* arguments;  // as the usage line shows them
    char const* summary;
    size_t min_positionals;
    size_t max_positionals;
    Positionals positionals;
    std::span<Flag const> flags;
    Handler run;                     // nullptr: engines know the command, we do not have it yet
    int failure_status = 1;          // exit status when the handler or its arguments fail
    int machine_failure_status = 1;  // … when the virtual machine ends before it has a payload
};

// Every command has it.
inline constexpr Flag kHelpFlag{"help", 'h', nullptr, "show this help"};

}  // namespace krun::runtime
