// SPDX-License-Identifier: Apache-2.0
// Finding and running args[0]. The words and exit codes are those that engines look for: 127 when there is no
// such program, 126 when it cannot be executed.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"

namespace krun::init {

struct ExecFailure {
    uint32_t exit_code;  // 126 or 127
    std::string text;
};

// "no such file or directory": in lower case, as Go writes it and engines match it.
std::string errno_text(int error);

// The value of PATH in `env`, or the default search path if there is none.
std::string search_path(std::vector<std::string> const& env);

// As execvp(3) would find it: a name with '/' is taken as it is, relative to the working directory; an empty
// part of `path` is that directory. Judges with the effective ids, so call it as the payload's user.
Result<std::string, ExecFailure> find_program(std::string const& name, std::string const& path);

// Does not return if it succeeds. The failure's text starts with "exec FILE: ".
ExecFailure run_program(std::string const& file, std::vector<std::string> const& args,
                        std::vector<std::string> const& env);

}  // namespace krun::init
