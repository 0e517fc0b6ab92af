// SPDX-License-Identifier: Apache-2.0
// The host calls by which files are found: one component below an open directory, links never followed, and
// always to an O_PATH descriptor first, which opens nothing. Only what that turns out to be decides whether
// the file itself may be opened.
#pragma once
#include <sys/stat.h>

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/unique_fd.h"
#include "fs/file_system.h"
#include "fs/passthrough/options.h"

namespace krun::fs {

// Shared by the cache and the ops that use the descriptor while another thread evicts it.
using SharedFd = std::shared_ptr<UniqueFd const>;

// Which file it is, whatever it is called. The mount is part of it: one file can be in the tree twice.
struct FileIdentity {
    uint64_t mount;
    uint64_t device;
    uint64_t ino;
    bool operator==(FileIdentity const&) const = default;
};

struct FileStat {
    FileIdentity identity;
    abi::Attr attr;
    std::optional<abi::SxTime> born;
    bool is(mode_t type) const { return (attr.mode & S_IFMT) == type; }
};

// statx(2) of an open file.
FsResult<FileStat> stat_of(BorrowedFd file);
// statx(2) of `name` in `dir`; a symbolic link is itself.
FsResult<FileStat> stat_at(BorrowedFd dir, std::string_view name);

// openat2(2) of `name` in `dir` with RESOLVE_BENEATH, RESOLVE_NO_MAGICLINKS and RESOLVE_NO_SYMLINKS, and
// RESOLVE_NO_XDEV unless mounts may be crossed. O_CLOEXEC and O_NOFOLLOW are added.
FsResult<UniqueFd> open_beneath(BorrowedFd dir, std::string_view name, int flags, mode_t mode,
                                Submounts submounts);

// Opens the file behind an O_PATH descriptor of this `type` (S_IFMT bits), which must be a regular file or a
// directory, through `proc_self_fd` (/proc/self/fd). Anything else would act on being opened: ELOOP for a
// link, else ENXIO. REQUIRES: `type` was seen on this very descriptor; an inode's never changes.
FsResult<UniqueFd> reopen(BorrowedFd proc_self_fd, BorrowedFd path_fd, mode_t type, int flags);

// The name of a descriptor in /proc/self/fd.
std::string fd_name(BorrowedFd fd);

}  // namespace krun::fs

template <>
struct std::hash<krun::fs::FileIdentity> {
    size_t operator()(krun::fs::FileIdentity const& id) const noexcept {
        // Inode numbers come in runs; multiplying spreads device and mount away from them (Fibonacci
        // hashing).
        return id.ino ^ (id.device * 0x9e3779b97f4a7c15) ^ (id.mount * 0xc2b2ae3d27d4eb4f);
    }
};
