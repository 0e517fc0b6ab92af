// SPDX-License-Identifier: Apache-2.0
#include "init/masks.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <cerrno>
#include <optional>

#include "base/fd.h"
#include "init/mount_point.h"
#include "init/mounts.h"

namespace krun::init {
namespace {

// nullopt if there is nothing of that name.
Result<std::optional<UniqueFd>> open_if_present(BorrowedFd root, std::string const& path) {
    if (!path.starts_with('/')) return fail(Error(Errc::kInvalidConfig, "must be an absolute path"));
    auto found = open_in_root(root, path, O_PATH);
    if (found.ok()) return std::optional<UniqueFd>(std::move(found).value());
    if (found.error().sys_errno() == ENOENT) return std::optional<UniqueFd>();
    return fail(std::move(found).error());
}

Result<UniqueFd> cover_for(BorrowedFd target, BorrowedFd null_device) {
    struct stat st {};
    if (::fstat(target.raw(), &st) < 0) return fail(Error::sys("stat"));
    if (!S_ISDIR(st.st_mode)) {
        auto cover = TRY(clone_tree(null_device, "", /*recursive=*/false));
        // Read-only, so that no payload changes the mode of the node that all masks share.
        TRY(change_attributes(cover.borrow(), MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC, 0,
                              false));
        return cover;
    }
    return make_file_system(
        {.type = "tmpfs",
         .source = "tmpfs",
         .flags = {},
         .parameters = {{"nr_blocks", "1"}, {"nr_inodes", "1"}},
         .attributes = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC});
}

Result<void> mask(BorrowedFd root, std::string const& path, BorrowedFd null_device) {
    auto const target = TRY(open_if_present(root, path));
    if (!target) return {};
    auto const cover = TRY(cover_for(target->borrow(), null_device));
    return attach(cover.borrow(), target->borrow());
}

Result<void> make_readonly(BorrowedFd root, std::string const& path) {
    auto const target = TRY(open_if_present(root, path));
    if (!target) return {};
    auto const cover = TRY(clone_tree(target->borrow(), "", /*recursive=*/true));
    TRY(change_attributes(cover.borrow(), MOUNT_ATTR_RDONLY, 0, /*recursive=*/true));
    return attach(cover.borrow(), target->borrow());
}

}  // namespace

Result<UniqueFd> open_null_device(std::string const& path) {
    auto fd = TRY(open_path(path, O_PATH | O_NOFOLLOW));
    struct stat st {};
    if (::fstat(fd.borrow().raw(), &st) < 0) return fail(Error::sys("stat " + path));
    if (!S_ISCHR(st.st_mode) || st.st_rdev != makedev(1, 3))
        return fail(Error(Errc::kSystem, path + " is not the null device"));
    return fd;
}

Result<void> mask_paths(BorrowedFd root, std::vector<std::string> const& paths, BorrowedFd null_device) {
    for (auto const& path : paths) TRY_WITH(mask(root, path, null_device), "mask " + path);
    return {};
}

Result<void> make_paths_readonly(BorrowedFd root, std::vector<std::string> const& paths) {
    for (auto const& path : paths) TRY_WITH(make_readonly(root, path), "make " + path + " read-only");
    return {};
}

}  // namespace krun::init
