// SPDX-License-Identifier: Apache-2.0
// Making, moving and removing names. New files belong to the caller (credentials.h).
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cstdio>

#include "base/guard.h"
#include "fs/passthrough/credentials.h"
#include "fs/passthrough/passthrough.h"

namespace krun::fs {

static FsResult<void> check(int result) {
    if (result != 0) return fail(Errno{errno});
    return {};
}

FsResult<Entry> Passthrough::symlink(Caller caller, NodeId parent, std::string_view name,
                                     std::string_view target) {
    auto const dir = TRY(reach_dir(parent));
    auto const room = TRY(room_for_one());
    TRY(as_caller(caller, [&] {
        return check(
            ::symlinkat(std::string(target).c_str(), dir.fd->borrow().raw(), std::string(name).c_str()));
    }));
    count_new(dir, name);
    return lookup_in(parent, dir, name);
}

FsResult<Entry> Passthrough::mknod(Caller caller, NodeId parent, std::string_view name, uint32_t mode,
                                   uint32_t rdev) {
    auto const type = mode & S_IFMT;
    if (type != S_IFREG && type != S_IFIFO && type != S_IFSOCK && type != S_IFCHR && type != S_IFBLK)
        return fail(Errno{EINVAL});
    bool const device = type == S_IFCHR || type == S_IFBLK;
    bool const whiteout = type == S_IFCHR && rdev == 0;  // overlayfs in the guest marks deletions with it
    if (guard_stands("devices") && device && !whiteout && options_.device_nodes == DeviceNodes::kRefuse)
        return fail(Errno{EPERM});
    auto const dir = TRY(reach_dir(parent));
    auto const room = TRY(room_for_one());
    TRY(as_caller(caller, [&] {
        return check(::mknodat(dir.fd->borrow().raw(), std::string(name).c_str(),
                               type | with_umask(mode & 07777, caller.umask),
                               device ? makedev(abi::device_major(rdev), abi::device_minor(rdev)) : 0));
    }));
    count_new(dir, name);
    return lookup_in(parent, dir, name);
}

FsResult<Entry> Passthrough::mkdir(Caller caller, NodeId parent, std::string_view name, uint32_t mode) {
    auto const dir = TRY(reach_dir(parent));
    auto const room = TRY(room_for_one());
    TRY(as_caller(caller, [&] {
        return check(::mkdirat(dir.fd->borrow().raw(), std::string(name).c_str(),
                               with_umask(mode & 07777, caller.umask)));
    }));
    count_new(dir, name);
    return lookup_in(parent, dir, name);
}

std::optional<Passthrough::Losing> Passthrough::about_to_lose(InodeStore::Node const& dir,
                                                              std::string_view name) {
    auto fd = open_name(dir, name, O_PATH);
    if (!fd.ok()) return std::nullopt;
    auto const stat = stat_of(fd.value().borrow());
    if (!stat.ok() || (!budget_ && !store_.knows(stat.value().identity))) return std::nullopt;
    auto charge = budget_ ? budget_->of(stat.value()) : nullptr;
    return Losing{stat.value().identity, share(std::move(fd).value(), charge), charge};
}

FsResult<void> Passthrough::remove(NodeId parent, std::string_view name, int unlinkat_flags) {
    auto const dir = TRY(reach_dir(parent));
    auto losing = about_to_lose(dir, name);
    TRY(check(::unlinkat(dir.fd->borrow().raw(), std::string(name).c_str(), unlinkat_flags)));
    if (!losing) return {};
    count_lost(*losing);
    store_.lost(losing->identity, parent, name, std::move(losing->fd));
    return {};
}

FsResult<void> Passthrough::unlink(NodeId parent, std::string_view name) {
    return remove(parent, name, 0);
}

FsResult<void> Passthrough::rmdir(NodeId parent, std::string_view name) {
    return remove(parent, name, AT_REMOVEDIR);
}

FsResult<void> Passthrough::rename(NodeId parent, std::string_view name, NodeId to, std::string_view new_name,
                                   uint32_t flags) {
    // The whiteout that RENAME_WHITEOUT leaves, character device 0:0, acts on nothing.
    if ((flags & ~uint32_t{RENAME_NOREPLACE | RENAME_EXCHANGE | RENAME_WHITEOUT}) != 0)
        return fail(Errno{EINVAL});
    auto const from_dir = TRY(reach_dir(parent));
    auto const to_dir = TRY(reach_dir(to));
    auto const moving = stat_at(from_dir.fd->borrow(), name);
    bool const makes = (flags & RENAME_WHITEOUT) != 0;
    auto const room = makes ? TRY(room_for_one()) : std::nullopt;
    auto other = about_to_lose(to_dir, new_name);
    TRY(check(::renameat2(from_dir.fd->borrow().raw(), std::string(name).c_str(), to_dir.fd->borrow().raw(),
                          std::string(new_name).c_str(), flags)));
    if (makes) count_new(from_dir, name);
    if (other) count_lost(*other);
    if (other && flags == RENAME_EXCHANGE)
        store_.moved(other->identity, parent, name);
    else if (other)
        store_.lost(other->identity, to, new_name, std::move(other->fd));
    if (moving.ok()) store_.moved(moving.value().identity, to, new_name);
    return {};
}

FsResult<Entry> Passthrough::link(NodeId node, NodeId new_parent, std::string_view new_name) {
    auto const at = TRY(reach(node));
    auto const dir = TRY(reach_dir(new_parent));
    auto const room = TRY(room_for_one());
    auto const charge = charge_of(at.fd->borrow());
    // The name in /proc leads to the inode itself; a symbolic link is linked, not followed.
    TRY(check(::linkat(proc_self_fd_.borrow().raw(), fd_name(at.fd->borrow()).c_str(), dir.fd->borrow().raw(),
                       std::string(new_name).c_str(), AT_SYMLINK_FOLLOW)));
    if (charge != nullptr) budget_->settle(*charge, at.fd->borrow());
    return lookup_in(new_parent, dir, new_name);
}

}  // namespace krun::fs
