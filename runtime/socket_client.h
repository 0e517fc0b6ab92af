// SPDX-License-Identifier: Apache-2.0
// Reaching a socket on which an engine waits for a descriptor.
#pragma once
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/unique_fd.h"

namespace krun::runtime {

// A connected AF_UNIX stream. The path may be longer than a socket address. Errors name it as `what`.
Result<UniqueFd> connect_unix_stream(std::string_view what, std::string const& path);

}  // namespace krun::runtime
