// SPDX-License-Identifier: Apache-2.0
// Reaching the socket on which an engine waits for the container's terminal (--console-socket).
#pragma once
#include <string>

#include "base/error.h"
#include "base/unique_fd.h"

namespace krun::runtime {

// A connected AF_UNIX stream. The path may be longer than a socket address.
Result<UniqueFd> connect_console_socket(std::string const& path);

}  // namespace krun::runtime
