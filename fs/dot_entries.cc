// SPDX-License-Identifier: Apache-2.0
#include "fs/dot_entries.h"

#include <dirent.h>

namespace krun::fs {

FsResult<void> list_dot_entries(uint64_t ino, uint64_t offset, DirSink& out) {
    static constexpr std::string_view kNames[] = {".", ".."};
    for (uint64_t i = offset; i < std::size(kNames); ++i)
        if (!out.add({ino, i + 1, DT_DIR, kNames[i]}, Entry{})) break;
    return {};
}

}  // namespace krun::fs
