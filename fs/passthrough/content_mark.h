// SPDX-License-Identifier: Apache-2.0
// What the content of a file is known by, so that a guest need not read again what has not changed since it
// opened the file the last time. Each change by a system call, of any process, moves the time of change
// (inode(7)), which nobody can set. Stores into a shared map may not: a tree whose files others map for
// writing has no such marks.
#pragma once
#include <cstdint>

#include "fs/passthrough/host_file.h"

namespace krun::fs {

inline constexpr unsigned kContentMarkBits = 48;

// 0 for a file that has changed just now, or whose time cannot be right: the clock for files goes on by
// ticks, of which a second change in the same one shows nothing.
uint64_t content_mark(FileStat const& stat);

}  // namespace krun::fs
