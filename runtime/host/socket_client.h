// SPDX-License-Identifier: Apache-2.0
// Reaching a socket on which somebody waits: an engine for a descriptor, a container process for a request.
#pragma once
#include <sys/un.h>

#include <string>
#include <string_view>

#include "base/error.h"
#include "base/unique_fd.h"

namespace krun::runtime {

// connect(2), again after a signal: on AF_UNIX an interrupted one has not begun. Errors name the peer as
// `to`.
Result<void> connect_unix(BorrowedFd socket, sockaddr_un const& address, std::string const& to);

// A connected AF_UNIX stream. The path may be longer than a socket address. Errors name it as `what`.
Result<UniqueFd> connect_unix_stream(std::string_view what, std::string const& path);

}  // namespace krun::runtime
