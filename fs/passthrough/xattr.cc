// SPDX-License-Identifier: Apache-2.0
// Extended attributes of regular files and directories; other kinds have none.
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include <algorithm>
#include <cstring>

#include "base/guard.h"
#include "fs/passthrough/passthrough.h"

namespace krun::fs {

static constexpr std::string_view kAccessAcl = "system.posix_acl_access";

// In an ACL the kernel maps each id between this process's user namespace and the file system, as it does
// for owners.
static bool is_acl(std::string_view name) {
    return name == kAccessAcl || name == "system.posix_acl_default";
}

// The guest's trusted.*, which its kernel keeps for its administrator and overlayfs, must not become the
// host's: they are stored under names of this prefix, which the guest cannot use otherwise.
static constexpr std::string_view kTrusted = "trusted.";
static constexpr std::string_view kStored = "user.krun-oci.";

// Which attributes mean the same to the guest and to the host. All others are the host's own (labels of its
// security modules, IMA hashes, marks of the overlayfs that may lie below the tree): the guest neither sees
// nor sets them.
static bool means_the_same(std::string_view name) {
    if (name.starts_with(kStored)) return false;
    return name.starts_with("user.") || name == "security.capability" || is_acl(name);
}

// What the host calls an attribute of the guest.
static FsResult<std::string> host_name(std::string_view name) {
    if (!guard_stands("attributes") || means_the_same(name)) return std::string(name);
    if (name.starts_with(kTrusted)) return std::string(kStored).append(name);
    return fail(Errno{EOPNOTSUPP});
}

// What the guest calls an attribute of the host; empty if it must not hear of it.
static std::string_view guest_name(std::string_view name) {
    if (!guard_stands("attributes") || means_the_same(name)) return name;
    if (!name.starts_with(kStored)) return {};
    name.remove_prefix(kStored.size());
    return name.starts_with(kTrusted) ? name : std::string_view{};
}

static bool can_have(InodeStore::Node const& at) {
    return at.type == S_IFREG || at.type == S_IFDIR;
}

static FsResult<size_t> size_or_errno(ssize_t n) {
    if (n < 0) return fail(Errno{errno});
    return static_cast<size_t>(n);
}

// They are reached by any descriptor but one of O_PATH. tar asks for them while it has the file open.
FsResult<SharedFd> Passthrough::open_for_xattr(NodeId node, InodeStore::Node const& at) {
    if (auto open = open_already(node)) return open;
    return std::make_shared<UniqueFd const>(TRY(open_file(at, O_RDONLY)));
}

FsResult<size_t> Passthrough::getxattr(NodeId node, std::string_view name, std::span<std::byte> value) {
    auto const known = TRY(host_name(name));
    auto const at = TRY(reach(node));
    if (!can_have(at)) return fail(Errno{ENODATA});
    auto const fd = TRY(open_for_xattr(node, at));
    auto const size =
        size_or_errno(::fgetxattr(fd->borrow().raw(), known.c_str(), value.data(), value.size()));
    // The guest asks before it decides on access; any other error would mean that nobody has any.
    if (!size.ok() && size.error().value == EOPNOTSUPP && is_acl(name)) return fail(Errno{ENODATA});
    return size;
}

FsResult<size_t> Passthrough::listxattr(NodeId node, std::span<std::byte> names) {
    auto const at = TRY(reach(node));
    if (!can_have(at)) return size_t{0};
    auto const fd = TRY(open_for_xattr(node, at));
    std::string host(XATTR_LIST_MAX, '\0');
    host.resize(TRY(size_or_errno(::flistxattr(fd->borrow().raw(), host.data(), host.size()))));
    std::string served;
    for (size_t begin = 0; begin < host.size();) {
        auto const end = std::min(host.find('\0', begin), host.size());
        auto const name = guest_name(std::string_view(host).substr(begin, end - begin));
        if (!name.empty()) served.append(name).push_back('\0');
        begin = end + 1;
    }
    if (names.empty()) return served.size();
    if (served.size() > names.size()) return fail(Errno{ERANGE});
    if (!served.empty()) std::memcpy(names.data(), served.data(), served.size());
    return served.size();
}

// The host lets the server keep setgid with an ACL; the guest's caller, who is not in the group, may not.
static FsResult<void> kill_sgid(BorrowedFd file) {
    auto const mode = TRY(stat_of(file))
    .attr.mode;
    if ((mode & S_ISGID) != 0 && ::fchmod(file.raw(), mode & 07777 & ~mode_t{S_ISGID}) != 0)
        return fail(Errno{errno});
    return {};
}

FsResult<void> Passthrough::setxattr(NodeId node, std::string_view name, std::span<std::byte const> value,
                                     SetxattrArgs args) {
    auto const known = TRY(host_name(name));
    if ((args.flags & ~uint32_t{XATTR_CREATE | XATTR_REPLACE}) != 0) return fail(Errno{EINVAL});
    auto const at = TRY(reach(node));
    if (!can_have(at)) return fail(Errno{EPERM});
    auto const fd = TRY(open_for_xattr(node, at));
    auto const spending = TRY(spend(charge_of(fd->borrow()), fd->borrow(), value.size()));
    if (::fsetxattr(fd->borrow().raw(), known.c_str(), value.data(), value.size(),
                    static_cast<int>(args.flags)) != 0)
        return fail(Errno{errno});
    if (args.kill_sgid == KillPriv::kYes && name == kAccessAcl) return kill_sgid(fd->borrow());
    return {};
}

FsResult<void> Passthrough::removexattr(NodeId node, std::string_view name) {
    auto const known = TRY(host_name(name));
    auto const at = TRY(reach(node));
    if (!can_have(at)) return fail(Errno{EPERM});
    auto const fd = TRY(open_for_xattr(node, at));
    if (::fremovexattr(fd->borrow().raw(), known.c_str()) != 0) return fail(Errno{errno});
    return {};
}

}  // namespace krun::fs
