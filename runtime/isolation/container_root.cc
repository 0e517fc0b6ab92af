// SPDX-License-Identifier: Apache-2.0
#include "runtime/isolation/container_root.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace krun::runtime {
namespace {

// glibc 2.36 has open_tree and move_mount in <sys/mount.h>; pivot_root has no wrapper.
int pivot_root(char const* new_root, char const* put_old) {
    return static_cast<int>(::syscall(SYS_pivot_root, new_root, put_old));
}

}  // namespace

Result<UniqueFd> detach_tree(BorrowedFd source, bool recursive) {
    unsigned const flags =
        OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0U);
    int const fd = ::open_tree(source.raw(), "", flags);
    if (fd < 0) return fail(Error::sys("take a private copy of a mount"));
    return UniqueFd(fd);
}

Result<void> enter_container_root(BorrowedFd rootfs) {
    if (::unshare(CLONE_NEWNS) < 0) return fail(Error::sys("create a mount namespace"));
    // Slave: nothing done here propagates to the host.
    if (::mount(nullptr, "/", nullptr, MS_REC | MS_SLAVE, nullptr) < 0)
        return fail(Error::sys("make the mount namespace private"));
    // Over the old root, then swap them: no directory of the host or of the image is needed as a mount point.
    if (::move_mount(rootfs.raw(), "", AT_FDCWD, "/", MOVE_MOUNT_F_EMPTY_PATH) < 0)
        return fail(Error::sys("mount the rootfs"));
    if (::fchdir(rootfs.raw()) < 0) return fail(Error::sys("enter the rootfs"));
    if (pivot_root(".", ".") < 0) return fail(Error::sys("pivot into the rootfs"));
    // After pivot_root(".", ".") the old root is mounted over the new one; this takes it away.
    if (::umount2(".", MNT_DETACH) < 0) return fail(Error::sys("detach the host's mounts"));
    if (::chdir("/") < 0) return fail(Error::sys("enter the container's root"));
    return {};
}

}  // namespace krun::runtime
