// SPDX-License-Identifier: Apache-2.0
// "." and "..": all there is in a directory that has no names of its own.
#pragma once
#include <cstdint>

#include "fs/file_system.h"

namespace krun::fs {

// Lists both from `offset` (0, 1 or 2) on. The guest's kernel knows the parent, so ".." carries `ino`, too.
FsResult<void> list_dot_entries(uint64_t ino, uint64_t offset, DirSink& out);

}  // namespace krun::fs
