// SPDX-License-Identifier: Apache-2.0
#include "runtime/process/outside_view.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "runtime/isolation/container_root.h"
#include "runtime/isolation/id_map.h"

namespace krun::runtime {
namespace {

Result<void> change(BorrowedFd tree, mount_attr attributes, unsigned flags) {
    if (::mount_setattr(tree.raw(), "", AT_EMPTY_PATH | flags, &attributes, sizeof attributes) < 0)
        return fail(Error::sys("change a mount of the view from outside"));
    return {};
}

// A slave: mounts of ours do not propagate to where the tree comes from.
Result<UniqueFd> own_copy(BorrowedFd source, bool recursive) {
    auto tree = TRY(detach_tree(source, recursive));
    TRY(change(tree.borrow(), {.attr_set = 0, .attr_clr = 0, .propagation = MS_SLAVE, .userns_fd = 0},
               AT_RECURSIVE));
    return tree;
}

Result<void> make_read_only(BorrowedFd tree, bool recursive) {
    return change(tree, {.attr_set = MOUNT_ATTR_RDONLY, .attr_clr = 0, .propagation = 0, .userns_fd = 0},
                  recursive ? AT_RECURSIVE : 0U);
}

Result<UniqueFd> empty_directory() {
    UniqueFd const context(::fsopen("tmpfs", FSOPEN_CLOEXEC));
    if (!context.valid() || ::fsconfig(context.borrow().raw(), FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) < 0)
        return fail(Error::sys("create an empty file system"));
    UniqueFd mount(::fsmount(context.borrow().raw(), FSMOUNT_CLOEXEC, MOUNT_ATTR_RDONLY));
    if (!mount.valid()) return fail(Error::sys("mount an empty file system"));
    return mount;
}

// The source of a bind mount; nullptr of what the guest mounts itself, and of an overlay, which is mounted
// once for the guest and cannot be copied.
BindHandle const* find_bind(guest::Mount const& mount, std::vector<BindHandle> const& binds) {
    for (size_t i = 0; i < binds.size(); ++i)
        if (mount.source == bind_source_path(i)) return binds[i].detached ? nullptr : &binds[i];
    return nullptr;
}

Result<UniqueFd> copy_of(BindHandle const& bind) {
    auto tree = TRY(own_copy(bind.source.borrow(), bind.recursive));
    if (bind.id_map.valid()) TRY(map_ids(tree.borrow(), bind.id_map.borrow(), bind.recursive_ids));
    if (bind.read_only) TRY(make_read_only(tree.borrow(), bind.recursive));
    return tree;
}

// Invalid where the root has no such file, or a link that leads nowhere.
Result<UniqueFd> find_place(std::string const& path) {
    open_how how{};
    how.flags = O_PATH | O_CLOEXEC;
    how.resolve = RESOLVE_NO_MAGICLINKS;
    UniqueFd place(static_cast<int>(::syscall(SYS_openat2, AT_FDCWD, path.c_str(), &how, sizeof how)));
    bool const absent = errno == ENOENT || errno == ENOTDIR || errno == ELOOP || errno == ENAMETOOLONG;
    if (!place.valid() && !absent) return fail(Error::sys("find " + path + " in the rootfs"));
    return place;
}

// False if it does not fit there.
Result<bool> attach(BorrowedFd tree, BorrowedFd where) {
    int const moved =
        ::move_mount(tree.raw(), "", where.raw(), "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH);
    // ENOTDIR: one is a directory and the other is not; EINVAL: the root itself.
    if (moved < 0 && errno != ENOTDIR && errno != EINVAL)
        return fail(Error::sys("mount for the view from outside"));
    return moved == 0;
}

}  // namespace

Result<OutsideView> OutsideView::prepare(GuestPlan const& plan, HostHandles const& host) {
    OutsideView view;
    view.root_ = TRY_WITH(own_copy(host.rootfs.borrow(), true), "rootfs");
    if (plan.config.krun.readonly) TRY(make_read_only(view.root(), false));
    for (auto const& mount : plan.config.mounts) {
        UniqueFd tree;
        if (auto const* bind = find_bind(mount, host.binds))
            tree = TRY_WITH(copy_of(*bind), mount.destination);
        view.places_.push_back({mount.destination, std::move(tree)});
    }
    return view;
}

Result<void> OutsideView::mount_rest() {
    UniqueFd empty;  // the first of them, of which the others are copies
    for (auto& [path, tree] : places_) {
        auto const where = TRY(find_place(path));
        if (!where.valid()) continue;
        bool const is_empty = !tree.valid();
        if (is_empty) tree = TRY(empty.valid() ? detach_tree(empty.borrow(), false) : empty_directory());
        bool const mounted = TRY_WITH(attach(tree.borrow(), where.borrow()), path);
        if (is_empty && mounted && !empty.valid()) empty = std::move(tree);
    }
    return {};
}

}  // namespace krun::runtime
