// SPDX-License-Identifier: Apache-2.0
// Entering the namespaces of a process of the container (setns(2)).
#pragma once
#include "base/error.h"
#include "base/unique_fd.h"

namespace krun::init {

// All that differ from this process's, at once; but for the user namespace, in which the machine's root is
// nobody. The pid namespace is the next child's. `process` is a pidfd of a child. Needs the boot tree's
// /proc, which is gone afterwards.
Result<void> enter_namespaces(BorrowedFd process);

// All capabilities are there afterwards, over the namespace; the ids are still the machine's.
Result<void> join_user_namespace(BorrowedFd process);

}  // namespace krun::init
