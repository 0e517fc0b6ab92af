// SPDX-License-Identifier: Apache-2.0
// From an argument vector to a command's outcome.
#pragma once
#include <span>

#include "runtime/cli/command.h"

namespace krun::runtime {

struct Ended {
    int status = 0;
    std::string output{};     // for stdout
    std::string complaint{};  // one line for stderr; it is in the log already. Empty: none
    std::string trace{};      // where an error arose, for --debug
};

// Runs what `arguments` (without the program's name) ask for. `runtime_dir` is $XDG_RUNTIME_DIR or nullptr.
Ended dispatch(std::span<char const* const> arguments, char const* runtime_dir);

}  // namespace krun::runtime
