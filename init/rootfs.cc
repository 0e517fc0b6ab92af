// SPDX-License-Identifier: Apache-2.0
#include "init/rootfs.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fd.h"
#include "init/disks.h"
#include "init/mount_options.h"
#include "init/mounts.h"

namespace krun::init {

Result<UniqueFd> open_rootfs(guest::Krun const& krun) {
    // pivot_root(2) refuses shared mounts, and nothing mounted here concerns init's own namespace.
    if (::mount("", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) < 0)
        return fail(Error::sys("make the boot tree private"));
    auto root = TRY(krun.root_disk ? make_root_of_disk(*krun.root_disk)
                                   : clone_tree(BorrowedFd(AT_FDCWD), krun.root, /*recursive=*/true));
    auto const target = TRY(open_path(krun.root, O_PATH | O_DIRECTORY));
    TRY(attach(root.borrow(), target.borrow()));
    return root;
}

Result<std::vector<UniqueFd>> mount_all(BorrowedFd root, std::vector<guest::Mount> const& mounts,
                                        OnSocket const& on_socket) {
    std::vector<UniqueFd> readonly_later;
    for (auto const& mount : mounts) {
        auto later = TRY_WITH(mount_one(root, mount, on_socket), "mount " + mount.destination);
        if (later) readonly_later.push_back(*std::move(later));
    }
    return readonly_later;
}

Result<void> make_mounts_readonly(std::vector<UniqueFd> const& mounts) {
    for (auto const& mount : mounts)
        TRY(change_attributes(mount.borrow(), MOUNT_ATTR_RDONLY, 0, /*recursive=*/false));
    return {};
}

Result<void> set_root_propagation(std::string const& propagation) {
    if (propagation.empty()) return {};
    auto const root = TRY(open_path("/", O_PATH | O_DIRECTORY));
    auto const options = TRY(parse_mount_options({propagation}));
    for (auto const flags : options.propagation)
        TRY_WITH(change_propagation(root.borrow(), flags), "root propagation");
    return {};
}

Result<void> pivot_into(BorrowedFd root, bool readonly, std::string const& propagation) {
    if (readonly)
        TRY_WITH(change_attributes(root, MOUNT_ATTR_RDONLY, 0, /*recursive=*/false), "read-only root");
    if (::fchdir(root.raw()) < 0) return fail(Error::sys("enter the root"));
    // Stacks the old root on the new one, where it can be detached without a directory to hold it
    // (pivot_root(2), "pivot_root(".", ".")").
    if (::syscall(SYS_pivot_root, ".", ".") < 0) return fail(Error::sys("pivot into the root"));
    if (::umount2(".", MNT_DETACH) < 0) return fail(Error::sys("detach the boot tree"));
    if (::chdir("/") < 0) return fail(Error::sys("enter the root"));
    return set_root_propagation(propagation);
}

}  // namespace krun::init
