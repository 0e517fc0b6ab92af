// SPDX-License-Identifier: Apache-2.0
// SETATTR: owner first, because changing it clears setuid and setgid that the same request may set.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <climits>

#include "fs/passthrough/credentials.h"
#include "fs/passthrough/passthrough.h"

namespace krun::fs {

static FsResult<void> change_owner(BorrowedFd file, abi::SetattrIn const& in) {
    bool const sets_uid = (in.valid & abi::kSetUid) != 0;
    bool const sets_gid = (in.valid & abi::kSetGid) != 0;
    if (!sets_uid && !sets_gid) return {};
    // -1 would mean "leave it" to fchownat.
    if ((sets_uid && in.uid == UINT32_MAX) || (sets_gid && in.gid == UINT32_MAX)) return fail(Errno{EINVAL});
    auto const uid = sets_uid ? in.uid : UINT32_MAX;
    auto const gid = sets_gid ? in.gid : UINT32_MAX;
    if (::fchownat(file.raw(), "", uid, gid, AT_EMPTY_PATH) != 0) return fail(Errno{errno});
    return {};
}

static FsResult<void> change_mode(BorrowedFd proc_self_fd, InodeStore::Node const& at,
                                  abi::SetattrIn const& in) {
    if ((in.valid & abi::kSetMode) == 0) return {};
    if (at.type == S_IFLNK) return fail(Errno{EOPNOTSUPP});
    // fchmod refuses O_PATH descriptors; by this name it finds the same inode and opens nothing.
    if (::fchmodat(proc_self_fd.raw(), fd_name(at.fd->borrow()).c_str(), in.mode & 07777, 0) != 0)
        return fail(Errno{errno});
    return {};
}

static timespec time_or_omit(uint32_t valid, uint32_t set, uint32_t now, uint64_t sec, uint32_t nsec) {
    if ((valid & now) != 0) return {0, UTIME_NOW};
    if ((valid & set) == 0) return {0, UTIME_OMIT};
    return {static_cast<time_t>(sec), static_cast<long>(nsec)};
}

static FsResult<void> change_times(BorrowedFd file, abi::SetattrIn const& in) {
    if ((in.valid & (abi::kSetAtime | abi::kSetMtime | abi::kSetAtimeNow | abi::kSetMtimeNow)) == 0)
        return {};
    // UTIME_NOW and UTIME_OMIT are numbers of nanoseconds, too; the guest has flags for them.
    static constexpr uint32_t kSecond = 1'000'000'000;
    if (in.atimensec >= kSecond || in.mtimensec >= kSecond) return fail(Errno{EINVAL});
    timespec const times[] = {
        time_or_omit(in.valid, abi::kSetAtime, abi::kSetAtimeNow, in.atime, in.atimensec),
        time_or_omit(in.valid, abi::kSetMtime, abi::kSetMtimeNow, in.mtime, in.mtimensec),
    };
    if (::utimensat(file.raw(), "", times, AT_EMPTY_PATH) != 0) return fail(Errno{errno});
    return {};
}

FsResult<void> Passthrough::resize(NodeId node, InodeStore::Node const& at, SetAttr const& set) {
    if ((set.in.valid & abi::kSetSize) == 0) return {};
    if (set.in.size > LLONG_MAX) return fail(Errno{EINVAL});
    auto const size = static_cast<off_t>(set.in.size);
    std::optional<WithoutFsetid> kill;
    if ((set.in.valid & abi::kSetKillSuidgid) != 0) kill_if_set(at.fd->borrow(), kill);
    if (set.handle) {
        auto const file = TRY(files_.get(node, *set.handle));
        auto const spending = TRY(spend(file->charge, file->fd.borrow(), 0));
        return ::ftruncate(file->fd.borrow().raw(), size) == 0 ? FsResult<void>{} : fail(Errno{errno});
    }
    auto const fd = TRY(open_file(at, O_WRONLY));
    auto const spending = TRY(spend(charge_of(fd.borrow()), fd.borrow(), 0));
    return ::ftruncate(fd.borrow().raw(), size) == 0 ? FsResult<void>{} : fail(Errno{errno});
}

FsResult<Attributes> Passthrough::setattr(NodeId node, SetAttr const& set) {
    auto const at = TRY(reach(node));
    auto const file = at.fd->borrow();
    TRY(change_owner(file, set.in));
    TRY(change_mode(proc_self_fd_.borrow(), at, set.in));
    TRY(resize(node, at, set));
    TRY(change_times(file, set.in));
    return decorate(TRY(stat_of(file)));
}

}  // namespace krun::fs
