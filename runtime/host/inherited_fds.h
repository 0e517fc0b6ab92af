// SPDX-License-Identifier: Apache-2.0
// Descriptors that came through the exec of this program.
#pragma once

#include <vector>

namespace krun::runtime {

// Closes those from 3 on. Engines leak descriptors into the commands they run, and what outlives the command
// must not hold them. Everything of ours is close-on-exec from birth, so the others are recognised by not
// being so.
void close_inherited_fds();

// The numbers of all open ones from 3 on.
std::vector<int> open_fds();

}  // namespace krun::runtime
