// SPDX-License-Identifier: Apache-2.0
#include "init/devices.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <cerrno>
#include <string>

#include "init/mount_point.h"

namespace krun::init {
namespace {

guest::Device character(char const* path, uint32_t major, uint32_t minor) {
    return {path, "c", major, minor, 0666, 0, 0};
}

struct Link {
    char const* path;
    char const* target;
};
constexpr Link kLinks[] = {
    {"/dev/fd", "/proc/self/fd"},       {"/dev/stdin", "/proc/self/fd/0"}, {"/dev/stdout", "/proc/self/fd/1"},
    {"/dev/stderr", "/proc/self/fd/2"}, {"/dev/core", "/proc/kcore"},      {"/dev/ptmx", "pts/ptmx"},
};

Result<mode_t> file_type(std::string const& type) {
    if (type == "c" || type == "u") return mode_t{S_IFCHR};
    if (type == "b") return mode_t{S_IFBLK};
    if (type == "p") return mode_t{S_IFIFO};
    return fail(Error(Errc::kInvalidConfig, "unknown device type \"" + type + "\""));
}

Result<void> check_existing(ParentAndName const& at, mode_t type, dev_t number) {
    struct stat st {};
    if (::fstatat(at.parent.borrow().raw(), at.name.c_str(), &st, AT_SYMLINK_NOFOLLOW) < 0)
        return fail(Error::sys("stat"));
    if ((st.st_mode & S_IFMT) != type || (type != S_IFIFO && st.st_rdev != number))
        return fail(Error(Errc::kInvalidConfig, "something else is there already"));
    return {};
}

enum class Existing { kMustBeTheSame, kWins };

Result<void> create_device(BorrowedFd root, guest::Device const& device, Existing existing) {
    auto const type = TRY(file_type(device.type));
    auto const number = type == S_IFIFO ? dev_t{0} : makedev(device.major, device.minor);
    auto const at = TRY(open_or_create_parent(root, device.path));
    int const dir = at.parent.borrow().raw();
    if (::mknodat(dir, at.name.c_str(), type | (device.file_mode & 07777), number) < 0) {
        if (errno == EEXIST && existing == Existing::kWins) return {};
        if (errno == EEXIST) return check_existing(at, type, number);
        return fail(Error::sys("mknod"));
    }
    if (device.uid == 0 && device.gid == 0) return {};
    if (::fchownat(dir, at.name.c_str(), device.uid, device.gid, AT_SYMLINK_NOFOLLOW) < 0)
        return fail(Error::sys("set owner"));
    return {};
}

bool is_dev(std::string const& path) {
    return path == "/dev" || path == "/dev/";
}

}  // namespace

bool makes_devices(std::vector<guest::Mount> const& mounts) {
    for (auto const& mount : mounts)
        if (mount.type == "bind" && is_dev(mount.destination)) return false;
    return true;
}

Result<void> create_extra_device(BorrowedFd root, guest::Device const& device) {
    TRY_WITH(create_device(root, device, Existing::kMustBeTheSame), "device " + device.path);
    return {};
}

Result<void> create_device_link(BorrowedFd root, std::string const& path, std::string const& target) {
    auto const at = TRY_WITH(open_or_create_parent(root, path), path);
    if (::symlinkat(target.c_str(), at.parent.borrow().raw(), at.name.c_str()) < 0 && errno != EEXIST)
        return fail(Error::sys("create link " + path));
    return {};
}

Result<void> create_devices(BorrowedFd root, std::vector<guest::Device> const& extra) {
    guest::Device const defaults[] = {
        // linux Documentation/admin-guide/devices.txt
        character("/dev/null", 1, 3),   character("/dev/zero", 1, 5),    character("/dev/full", 1, 7),
        character("/dev/random", 1, 8), character("/dev/urandom", 1, 9), character("/dev/tty", 5, 0),
    };
    // The spec's first: a device of its own at a default path is what it asks for, and so is a mount there.
    for (auto const& device : extra) TRY(create_extra_device(root, device));
    for (auto const& device : defaults)
        TRY_WITH(create_device(root, device, Existing::kWins), "device " + device.path);
    for (auto const& link : kLinks) TRY(create_device_link(root, link.path, link.target));
    return {};
}

}  // namespace krun::init
