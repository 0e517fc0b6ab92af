// SPDX-License-Identifier: Apache-2.0
// Reading /.krun_config.json and what the host sends for each process to execute. A missing, broken or newer
// one is an error: a guest that guesses is worse than none.
#pragma once
#include <string>
#include <string_view>

#include "base/error.h"
#include "config-gen/exec_config.h"
#include "config-gen/krun_config.h"

namespace krun::init {

// Checks what the rows cannot say: version, args, absolute paths. Errors name the JSON path.
Result<KrunConfig> parse_config(std::string_view text);
Result<KrunConfig> read_config(std::string const& path);
Result<ExecConfig> parse_exec_config(std::string_view text);

}  // namespace krun::init
