// SPDX-License-Identifier: Apache-2.0
// The system calls with which a Passthrough serves a tree, for the filter of the thread it runs on. A call
// that is missing here ends the container as soon as a guest makes the server use it: add it with the code.
#pragma once
#include <fcntl.h>
#include <linux/fs.h>
#include <sched.h>
#include <sys/syscall.h>

#include "base/syscall_filter.h"

namespace krun::fs {

inline constexpr uint32_t kPassthroughFcntl[] = {F_DUPFD_CLOEXEC, F_GETFL, F_SETFL, F_OFD_GETLK, F_OFD_SETLK};

inline constexpr uint32_t kPassthroughIoctl[] = {FS_IOC_GETFLAGS, FS_IOC_SETFLAGS, FS_IOC_FSGETXATTR,
                                                 FS_IOC_FSSETXATTR};
inline constexpr uint32_t kPassthroughUnshare[] = {CLONE_FS};  // for an umask of its own

inline constexpr SyscallRule kPassthroughSyscalls[] = {
    // Finding and opening. openat opens what /proc/self/fd/N leads to; the process sees no path but the
    // container's own.
    {SYS_openat2},
    {SYS_openat},
    {SYS_statx},
    {SYS_newfstatat},
    {SYS_fstat},  // what a newer glibc makes of fstat(3)
    {SYS_fstatfs},
    {SYS_readlinkat},
    {SYS_getdents64},
    {SYS_lseek},
    {SYS_fcntl, SyscallRule::Test::kOneOf, 1, kPassthroughFcntl},
    // The tree.
    {SYS_mkdirat},
    {SYS_mknodat},
    {SYS_symlinkat},
    {SYS_linkat},
    {SYS_unlinkat},
    {SYS_renameat},  // what glibc makes of renameat2 without flags
    {SYS_renameat2},
    // Attributes.
    {SYS_fchownat},
    {SYS_fchmod},
    {SYS_fchmodat},
    {SYS_utimensat},
    {SYS_ftruncate},
    {SYS_fgetxattr},
    {SYS_fsetxattr},
    {SYS_flistxattr},
    {SYS_fremovexattr},
    // Content.
    {SYS_preadv2},
    {SYS_pwritev2},
    {SYS_copy_file_range},
    {SYS_fallocate},
    {SYS_fsync},
    {SYS_flock},
    {SYS_timerfd_settime},  // the device's, for locks that are waited for
    {SYS_fdatasync},
    {SYS_syncfs},
    {SYS_ioctl, SyscallRule::Test::kOneOf, 1, kPassthroughIoctl},
    // Acting as the guest's user.
    {SYS_unshare, SyscallRule::Test::kOneOf, 0, kPassthroughUnshare},
    {SYS_umask},
    {SYS_setfsuid},
    {SYS_setfsgid},
    {SYS_getgroups},
    {SYS_setgroups},
    {SYS_capget},
    {SYS_capset},
};

}  // namespace krun::fs
