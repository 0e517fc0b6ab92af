// SPDX-License-Identifier: Apache-2.0
// What is to be known of the host's file system that a file lies in.
#pragma once
#include "base/unique_fd.h"

namespace krun::fs {

struct FileSystemKind {
    // It may have something to say when a file is closed. close(2) of a network file system may be the first
    // to tell that what was written is lost; on a local one it tells nothing, and a guest that need not ask
    // is spared a request each time.
    bool tells_at_close = true;
    // tmpfs.
    bool is_memory = false;
};

// By the number that statfs(2) gives.
FileSystemKind kind_of(unsigned long file_system);
// Of a file; of one that nothing is known of when it does not say.
FileSystemKind kind_of(BorrowedFd file);

}  // namespace krun::fs
