// SPDX-License-Identifier: Apache-2.0
// Which file systems of the host a guest may see.
#pragma once
#include "fs/passthrough/host_file.h"

namespace krun::fs {

// The name of the kernel file system that `file` is on, or null if it is on one that holds plain data.
// Asked of the tree and of every mount inside it that is entered.
char const* refused_file_system(BorrowedFd file, FileStat const& stat);

}  // namespace krun::fs
