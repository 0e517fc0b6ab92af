// SPDX-License-Identifier: Apache-2.0
// Which of an entry's attributes become the file's. Root keeps owners, set-id bits and file capabilities. For
// anybody else files are his own, so a set-id bit would lend his rights to others: it is taken off.
#pragma once
#include <sys/types.h>

#include "base/error.h"
#include "base/unique_fd.h"
#include "config-gen/image/archive_reader.h"
#include "config-gen/image/warnings.h"

namespace krun::image {

enum class Privilege : uint8_t { kRoot, kUser };
// Of the calling process.
Privilege own_privilege();

// The permission bits to set.
mode_t mode_for(Entry const& entry, Privilege privilege);

// Owner and extended attributes of a file or directory that is open for reading or writing. Before the mode:
// chown(2) clears set-id bits.
Result<void> set_owner_and_xattrs(BorrowedFd fd, Entry const& entry, Privilege privilege, Warnings& warnings);
// Takes off what set_owner_and_xattrs() may have set, of a directory that another layer describes anew.
Result<void> clear_xattrs(BorrowedFd fd, Privilege privilege);
// Mode and modification time; the access time becomes the same.
Result<void> set_mode_and_time(BorrowedFd fd, mode_t mode, timespec mtime);
// The same of the symbolic link or FIFO `name` in `dir`, which was just made. Extended attributes are
// none of theirs.
Result<void> set_attributes_at(BorrowedFd dir, std::string const& name, Entry const& entry,
                               Privilege privilege, Warnings& warnings);

}  // namespace krun::image
