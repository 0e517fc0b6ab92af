// SPDX-License-Identifier: Apache-2.0
// Which descriptors a process of the container gets: those that it shall have, and nothing of init's, which a
// process that may trace it could take from it before execve closes them.
#pragma once
#include <vector>

#include "base/error.h"
#include "base/unique_fd.h"

namespace krun::init {

// Init holds about ten descriptors for each process. For init itself; see restore_descriptor_limit().
Result<void> allow_many_descriptors();
// In a process that init has cloned: the limits are those that init was started with.
void restore_descriptor_limit();

// A duplicate whose number no stream can have, so that dup2 to a stream's number never hits it.
Result<UniqueFd> move_above_streams(UniqueFd fd);
// Closes everything from 3 on but `kept`.
void close_all_but(std::vector<int> kept);

}  // namespace krun::init
