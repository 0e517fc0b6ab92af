// SPDX-License-Identifier: Apache-2.0
// Help and version texts, printed from the rows.
#pragma once
#include <string>

#include "runtime/cli/command.h"

namespace krun::runtime {

std::string program_help();
std::string command_help(Command const& command);
// "krun-oci version …" and further lines; only the first may hold the word "version" (docker takes the last).
std::string version_text();

}  // namespace krun::runtime
