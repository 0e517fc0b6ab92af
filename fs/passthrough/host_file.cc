// SPDX-License-Identifier: Apache-2.0
#include "fs/passthrough/host_file.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>

#include <array>
#include <climits>

#include "base/guard.h"

namespace krun::fs {

namespace {

// A name from the guest is not NUL-terminated; the request's checks bound it.
class CName {
public:
    explicit CName(std::string_view name) : fits_(!name.empty() && name.size() <= NAME_MAX) {
        if (fits_) text_[name.copy(text_.data(), name.size())] = '\0';
    }
    bool fits() const { return fits_; }
    char const* c_str() const { return text_.data(); }

private:
    bool fits_;
    std::array<char, NAME_MAX + 1> text_;  // written as far as it is read
};

}  // namespace

static FileStat decode(struct statx const& st) {
    FileStat out{};
    out.identity = {(st.stx_mask & STATX_MNT_ID) != 0 ? st.stx_mnt_id : 0,
                    makedev(st.stx_dev_major, st.stx_dev_minor), st.stx_ino};
    auto& attr = out.attr;
    attr.ino = st.stx_ino;
    attr.size = st.stx_size;
    attr.blocks = st.stx_blocks;
    attr.atime = static_cast<uint64_t>(st.stx_atime.tv_sec);  // signed on both sides of the wire
    attr.mtime = static_cast<uint64_t>(st.stx_mtime.tv_sec);
    attr.ctime = static_cast<uint64_t>(st.stx_ctime.tv_sec);
    attr.atimensec = st.stx_atime.tv_nsec;
    attr.mtimensec = st.stx_mtime.tv_nsec;
    attr.ctimensec = st.stx_ctime.tv_nsec;
    attr.mode = st.stx_mode;
    attr.nlink = st.stx_nlink;
    attr.uid = st.stx_uid;
    attr.gid = st.stx_gid;
    attr.rdev = abi::encode_device(st.stx_rdev_major, st.stx_rdev_minor);
    attr.blksize = st.stx_blksize;
    if ((st.stx_mask & STATX_BTIME) != 0)
        out.born = abi::SxTime{st.stx_btime.tv_sec, st.stx_btime.tv_nsec, 0};
    return out;
}

static constexpr unsigned kStatxMask = STATX_BASIC_STATS | STATX_BTIME | STATX_MNT_ID;

static FsResult<FileStat> stat_with(int dir, char const* name, int flags) {
    struct statx st;
    if (::statx(dir, name, flags | AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT, kStatxMask, &st) != 0)
        return fail(Errno{errno});
    return decode(st);
}

FsResult<FileStat> stat_of(BorrowedFd file) {
    return stat_with(file.raw(), "", AT_EMPTY_PATH);
}

FsResult<FileStat> stat_at(BorrowedFd dir, std::string_view name) {
    CName const path(name);
    if (!path.fits()) return fail(Errno{EINVAL});
    return stat_with(dir.raw(), path.c_str(), 0);
}

FsResult<UniqueFd> open_beneath(BorrowedFd dir, std::string_view name, int flags, mode_t mode,
                                Submounts submounts) {
    CName const path(name);
    if (!path.fits()) return fail(Errno{EINVAL});
    open_how how{};
    how.flags = static_cast<uint64_t>(flags | O_CLOEXEC | O_NOFOLLOW);
    how.mode = (flags & O_CREAT) != 0 || (flags & O_TMPFILE) == O_TMPFILE ? mode : 0;
    how.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_SYMLINKS;
    if (submounts == Submounts::kStay && guard_stands("submounts")) how.resolve |= RESOLVE_NO_XDEV;
    while (true) {
        auto const fd = ::syscall(SYS_openat2, dir.raw(), path.c_str(), &how, sizeof how);
        if (fd >= 0) return UniqueFd(static_cast<int>(fd));
        if (errno != EINTR) return fail(Errno{errno});
    }
}

FsResult<UniqueFd> reopen(BorrowedFd proc_self_fd, BorrowedFd path_fd, mode_t type, int flags) {
    if (type == S_IFLNK && guard_stands("open-type")) return fail(Errno{ELOOP});
    if (type != S_IFREG && type != S_IFDIR && guard_stands("open-type")) return fail(Errno{ENXIO});
    auto const name = fd_name(path_fd);
    // A directory is its own "."; a file is found by the name of its descriptor, which leads to its very
    // inode.
    bool const by_itself = type == S_IFDIR;
    while (true) {
        int const fd = ::openat(by_itself ? path_fd.raw() : proc_self_fd.raw(),
                                by_itself ? "." : name.c_str(), flags | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
        if (fd >= 0) return UniqueFd(fd);
        if (errno != EINTR) return fail(Errno{errno});
    }
}

std::string fd_name(BorrowedFd fd) {
    return std::to_string(fd.raw());
}

}  // namespace krun::fs
