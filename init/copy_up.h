// SPDX-License-Identifier: Apache-2.0
// The `tmpcopyup` mount option: a tmpfs that starts as a copy of the directory it will cover.
#pragma once
#include "base/error.h"
#include "base/unique_fd.h"

namespace krun::init {

// Copies what is in directory `from` into directory `to`: directories, regular files and symbolic links with
// mode, owner and times; device nodes, sockets and pipes are left out. Does not follow links. The mode,
// owner and times of `to` itself stay.
Result<void> copy_up(BorrowedFd from, BorrowedFd to);

}  // namespace krun::init
