// SPDX-License-Identifier: Apache-2.0
#include "fs/passthrough/file_system_kind.h"

#include <linux/magic.h>
#include <sys/statfs.h>

#include <algorithm>
#include <iterator>

namespace krun::fs {

// Not in linux/magic.h: from the file systems' own sources.
static constexpr unsigned long kZfs = 0x2fc12fc1;
static constexpr unsigned long kBcachefs = 0xca451a4e;

// overlayfs passes on what its upper layer says, which cannot be on NFS (Linux
// Documentation/filesystems/overlayfs.rst, "Upper and Lower").
static constexpr unsigned long kLocal[] = {
    EXT4_SUPER_MAGIC,
    XFS_SUPER_MAGIC,
    BTRFS_SUPER_MAGIC,
    TMPFS_MAGIC,
    RAMFS_MAGIC,
    OVERLAYFS_SUPER_MAGIC,
    F2FS_SUPER_MAGIC,
    NILFS_SUPER_MAGIC,
    REISERFS_SUPER_MAGIC,
    kZfs,
    kBcachefs,
};

FileSystemKind kind_of(unsigned long file_system) {
    return {
        .tells_at_close = std::find(std::begin(kLocal), std::end(kLocal), file_system) == std::end(kLocal),
        .is_memory = file_system == TMPFS_MAGIC};
}

FileSystemKind kind_of(BorrowedFd file) {
    struct statfs fs;
    if (::fstatfs(file.raw(), &fs) != 0) return {};
    return kind_of(static_cast<unsigned long>(fs.f_type));
}

}  // namespace krun::fs
