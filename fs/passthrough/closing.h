// SPDX-License-Identifier: Apache-2.0
// Whether a file system has something to say when a file is closed. close(2) of a network file system may be
// the first to tell that what was written is lost; on a local one it tells nothing, and a guest that need not
// ask is spared a request each time.
#pragma once
#include "base/unique_fd.h"

namespace krun::fs {

// Of a file that is open for writing. True unless its file system is known to be a local one.
bool may_fail_at_close(BorrowedFd file);

// By the number that statfs(2) gives.
bool may_fail_at_close(unsigned long file_system);

}  // namespace krun::fs
