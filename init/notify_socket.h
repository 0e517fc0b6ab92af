// SPDX-License-Identifier: Apache-2.0
// NOTIFY_SOCKET (sd_notify(3)): a datagram socket in the container, whose messages init passes on to the
// host.
#pragma once
#include <functional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/unique_fd.h"
#include "config-gen/krun_config.h"

namespace krun::init {

// Makes the socket at `path` below `root`, owned by `user`. Its directory, which should hold nothing else,
// becomes a file system of its own, as no file server need support sockets and nothing is to be written into
// the image. REQUIRES: the boot tree's /proc; umask 0.
Result<UniqueFd> make_notify_socket(BorrowedFd root, std::string const& path, guest::User const& user);

// Hands at most `limit` waiting messages to `take`; those longer than 4096 bytes and descriptors sent along
// are dropped. False if no message was left.
bool take_notifications(BorrowedFd socket, int limit, std::function<void(std::string_view)> const& take);

}  // namespace krun::init
