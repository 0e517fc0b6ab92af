// SPDX-License-Identifier: Apache-2.0
// The file in which a caller wants the container process's number.
#pragma once
#include <sys/types.h>

#include <string>

#include "base/error.h"

namespace krun::runtime {

// Puts `pid` into `path`: decimal digits without a newline, because containerd parses the whole file; by
// rename, because conmon reads it as soon as it exists. On failure nothing is left behind.
Result<void> write_pid_file(std::string const& path, pid_t pid);

}  // namespace krun::runtime
