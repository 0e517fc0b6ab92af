// SPDX-License-Identifier: Apache-2.0
// The flags of lsattr(1) and chattr(1), and what xfs_io(8) shows of a file (ioctl_iflags(2),
// FS_IOC_FSGETXATTR).
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include <cstring>

#include "fs/passthrough/passthrough.h"

namespace krun::fs {

// What a guest may change: hints to the host's file system, which need no privilege. Not what makes a file
// that the host's own tools cannot remove (immutable, append only), nor whose quota it counts for.
static constexpr uint32_t kFlags = FS_SECRM_FL | FS_UNRM_FL | FS_COMPR_FL | FS_SYNC_FL | FS_NODUMP_FL |
                                   FS_NOATIME_FL | FS_NOCOMP_FL | FS_NOTAIL_FL | FS_DIRSYNC_FL |
                                   FS_TOPDIR_FL | FS_NOCOW_FL;
static constexpr uint32_t kXflags = FS_XFLAG_SYNC | FS_XFLAG_NOATIME | FS_XFLAG_NODUMP;

static FsResult<void> control(BorrowedFd file, unsigned long command, void* data) {
    if (::ioctl(file.raw(), command, data) != 0) return fail(Errno{errno});
    return {};
}

static FsResult<void> set_flags(BorrowedFd file, uint32_t flags) {
    uint32_t old = 0;
    TRY(control(file, FS_IOC_GETFLAGS, &old));
    if (((flags ^ old) & ~kFlags) != 0) return fail(Errno{EPERM});
    return control(file, FS_IOC_SETFLAGS, &flags);
}

static FsResult<void> set_xattr(BorrowedFd file, fsxattr wanted) {
    fsxattr old{};
    TRY(control(file, FS_IOC_FSGETXATTR, &old));
    if (((wanted.fsx_xflags ^ old.fsx_xflags) & ~kXflags) != 0 || wanted.fsx_projid != old.fsx_projid ||
        wanted.fsx_extsize != old.fsx_extsize || wanted.fsx_cowextsize != old.fsx_cowextsize)
        return fail(Errno{EPERM});
    return control(file, FS_IOC_FSSETXATTR, &wanted);
}

FsResult<void> Passthrough::ioctl(NodeId node, uint32_t command, std::span<std::byte> data) {
    auto const at = TRY(reach(node));
    if (at.type != S_IFREG && at.type != S_IFDIR) return fail(Errno{ENOTTY});
    auto const fd = TRY(open_file(at, O_RDONLY));
    if (command == FS_IOC_GETFLAGS || command == FS_IOC_FSGETXATTR)
        return control(fd.borrow(), command, data.data());  // of the size that the command says
    if (command == FS_IOC_SETFLAGS) {
        uint32_t wanted = 0;
        std::memcpy(&wanted, data.data(), sizeof wanted);
        return set_flags(fd.borrow(), wanted);
    }
    fsxattr wanted{};
    std::memcpy(&wanted, data.data(), sizeof wanted);
    return set_xattr(fd.borrow(), wanted);
}

}  // namespace krun::fs
