// SPDX-License-Identifier: Apache-2.0
#include "config-gen/image/attributes.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cerrno>

#include "base/strings.h"

namespace krun::image {
namespace {

constexpr std::string_view kCapability = "security.capability";

enum class XattrRule : uint8_t { kKeep, kKeepAsRoot, kLeaveOut };

struct XattrRow {
    std::string_view prefix;
    XattrRule rule;
};
// The first that fits; what none fits is left out: security labels are the host's to give.
constexpr XattrRow kXattrRows[] = {
    // How overlayfs marks whiteouts and redirects: in a lower directory they would hide or show other files.
    {"user.overlay.", XattrRule::kLeaveOut},
    {"trusted.overlay.", XattrRule::kLeaveOut},
    {"user.", XattrRule::kKeep},
    {kCapability, XattrRule::kKeepAsRoot},
    {"system.posix_acl_access", XattrRule::kKeepAsRoot},  // names owners
    {"system.posix_acl_default", XattrRule::kKeepAsRoot},
    {"", XattrRule::kLeaveOut},
};

XattrRule rule_for(std::string_view name) {
    for (auto const& row : kXattrRows)
        if (name.starts_with(row.prefix)) return row.rule;
    return XattrRule::kLeaveOut;
}

// Those that a file system may do without.
bool is_refusal(int error) {
    return error == ENOTSUP || error == EPERM || error == ENOSPC || error == E2BIG || error == ERANGE ||
           error == EINVAL;
}

bool is_kept(std::string_view name, Privilege privilege) {
    auto const rule = rule_for(name);
    return rule == XattrRule::kKeep || (rule == XattrRule::kKeepAsRoot && privilege == Privilege::kRoot);
}

Result<void> set_xattr(BorrowedFd fd, Entry const& entry, Xattr const& xattr, Privilege privilege,
                       Warnings& warnings) {
    bool const wanted = is_kept(xattr.name, privilege);
    if (wanted && ::fsetxattr(fd.raw(), xattr.name.c_str(), xattr.value.data(), xattr.value.size(), 0) == 0)
        return {};
    if (wanted && !is_refusal(errno)) return fail(Error::sys("set " + quoted(xattr.name)));
    bool const capability = !wanted && xattr.name == kCapability;
    warnings.add(capability ? Omission::kCapability : Omission::kXattr, entry.path + ": " + xattr.name);
    return {};
}

}  // namespace

Privilege own_privilege() {
    return ::geteuid() == 0 ? Privilege::kRoot : Privilege::kUser;
}

mode_t mode_for(Entry const& entry, Privilege privilege) {
    return entry.mode & (privilege == Privilege::kRoot ? 07777u : 01777u);
}

Result<void> set_owner_and_xattrs(BorrowedFd fd, Entry const& entry, Privilege privilege,
                                  Warnings& warnings) {
    if (privilege == Privilege::kRoot && ::fchown(fd.raw(), entry.uid, entry.gid) < 0)
        return fail(Error::sys("set owner " + std::to_string(entry.uid) + ":" + std::to_string(entry.gid)));
    for (auto const& xattr : entry.xattrs) TRY(set_xattr(fd, entry, xattr, privilege, warnings));
    return {};
}

Result<void> clear_xattrs(BorrowedFd fd, Privilege privilege) {
    std::string names(size_t{64} * 1024, '\0');  // XATTR_LIST_MAX
    ssize_t const len = ::flistxattr(fd.raw(), names.data(), names.size());
    if (len < 0 && errno == ENOTSUP) return {};
    if (len < 0) return fail(Error::sys("list extended attributes"));
    names.resize(static_cast<size_t>(len));
    for (auto const name : split(names, '\0'))
        if (is_kept(name, privilege) && ::fremovexattr(fd.raw(), name.data()) < 0)
            return fail(Error::sys("remove " + quoted(name)));
    return {};
}

Result<void> set_mode_and_time(BorrowedFd fd, mode_t mode, timespec mtime) {
    if (::fchmod(fd.raw(), mode) < 0) return fail(Error::sys("set the mode"));
    timespec const times[] = {mtime, mtime};
    if (::futimens(fd.raw(), times) < 0) return fail(Error::sys("set the time"));
    return {};
}

Result<void> set_attributes_at(BorrowedFd dir, std::string const& name, Entry const& entry,
                               Privilege privilege, Warnings& warnings) {
    if (privilege == Privilege::kRoot &&
        ::fchownat(dir.raw(), name.c_str(), entry.uid, entry.gid, AT_SYMLINK_NOFOLLOW) < 0)
        return fail(Error::sys("set owner"));
    // A symbolic link has no mode; a FIFO is none, so nothing is followed.
    if (entry.type != EntryType::kSymlink &&
        ::fchmodat(dir.raw(), name.c_str(), mode_for(entry, privilege), 0) < 0)
        return fail(Error::sys("set the mode"));
    for (auto const& xattr : entry.xattrs) warnings.add(Omission::kXattr, entry.path + ": " + xattr.name);
    timespec const times[] = {entry.mtime, entry.mtime};
    if (::utimensat(dir.raw(), name.c_str(), times, AT_SYMLINK_NOFOLLOW) < 0)
        return fail(Error::sys("set the time"));
    return {};
}

}  // namespace krun::image
