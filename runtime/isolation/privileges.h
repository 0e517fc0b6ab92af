// SPDX-License-Identifier: Apache-2.0
// What the container process may still do to the host once it is set up. The payload's own capabilities are
// another matter: init applies them in the guest.
#pragma once
#include "base/error.h"

namespace krun::runtime {

// Keeps the capabilities that a file server for several owners needs, empties the bounding, inheritable and
// ambient sets, and sets no_new_privs. For the whole process: call while it has one thread.
Result<void> drop_privileges();

// As many descriptors as the caller's hard limit allows: files that the guest has open and streams of
// executed processes are ours. The payload's own limit is set in the guest. Fails silently: then there are
// fewer.
// And at once a table with places for kReadyDescriptors of them, 8 bytes each: the kernel doubles a full
// table, and where threads share it, whoever opens the file that makes it do so waits for a grace period
// (Linux fs/file.c, expand_fdtable), which is some ten milliseconds in the middle of a guest's request. Call
// while the process has one thread.
void make_room_for_descriptors();
inline constexpr int kReadyDescriptors = 8192;

}  // namespace krun::runtime
