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

// Starts a process that reads `socket` and passes its messages on, over the returned one; those longer than
// 4096 bytes and descriptors sent along are dropped, but for that of a "BARRIER=1" (sd_notify(3)): after such
// a message the reader passes nothing on until end_barrier(). Not init itself: the kernel lets go of what was
// sent in the process that reads, and a descriptor closes when whoever made it likes (socket(7), SO_LINGER).
Result<UniqueFd> start_notify_reader(UniqueFd socket);

// All messages up to a "BARRIER=1" have been processed. REQUIRES: take_notifications() gave one.
void end_barrier(BorrowedFd reader);

// Hands at most `limit` messages that wait at the reader's socket to `take`. False when the reader has ended.
bool take_notifications(BorrowedFd reader, int limit, std::function<void(std::string_view)> const& take);
// When nobody is left who could send: asks the reader for what there still is and hands it to `take`. Waits,
// but no longer than a second: the reader may be held up.
void take_last_notifications(BorrowedFd reader, std::function<void(std::string_view)> const& take);

}  // namespace krun::init
