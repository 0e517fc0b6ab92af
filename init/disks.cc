// SPDX-License-Identifier: Apache-2.0
#include "init/disks.h"

#include <dirent.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/strings.h"
#include "init/devices.h"
#include "init/mount_options.h"
#include "init/mounts.h"

namespace krun::init {
namespace {

constexpr char kBlockDevices[] = "/sys/block";
constexpr size_t kMaxText = 4096;

// Of the disk with that serial: "vda".
Result<std::string> find_disk(std::string const& serial) {
    std::unique_ptr<DIR, int (*)(DIR*)> const list(::opendir(kBlockDevices), ::closedir);
    if (!list) return fail(Error::sys(std::string("open ") + kBlockDevices));
    while (dirent const* entry = ::readdir(list.get())) {
        std::string name = entry->d_name;
        auto const text = read_file(std::string(kBlockDevices) + "/" + name + "/serial", kMaxText);
        if (text.ok() && text.value().substr(0, text.value().find('\n')) == serial) return name;
    }
    return fail(
        Error(Errc::kSystem, "the guest kernel shows no disk " + quoted(serial) + ": it needs virtio_blk"));
}

// Lines are "nodev\tproc" or "\text4": the latter are for block devices.
Result<std::vector<std::string>> disk_file_systems() {
    std::vector<std::string> out;
    auto const text = TRY(read_file("/proc/filesystems", kMaxText));
    for (auto const line : split(text, '\n'))
        if (line.starts_with('\t')) out.emplace_back(line.substr(1));
    return out;
}

Result<UniqueFd> mount_as(std::string const& type, std::string const& device, MountOptions const& options) {
    return make_file_system({type, device, options.flags, options.parameters, options.attr_set});
}

Result<UniqueFd> mount_as_what_it_is(std::string const& device, MountOptions const& options) {
    std::string tried;
    for (auto const& type : TRY(disk_file_systems())) {
        auto made = mount_as(type, device, options);
        if (made.ok()) return made;
        tried += (tried.empty() ? "" : ", ") + type;
    }
    return fail(Error(Errc::kInvalidConfig, "none of the guest kernel's file systems takes it: " + tried));
}

}  // namespace

Result<UniqueFd> make_root_of_disk(guest::RootDisk const& disk) {
    auto options = TRY_WITH(parse_mount_options(disk.options), "root disk");
    // Not only of this mount: the file system must not touch a device that cannot be written.
    if (std::find(disk.options.begin(), disk.options.end(), "ro") != disk.options.end())
        options.flags.emplace_back("ro");
    auto const device = "/dev/" + TRY_WITH(find_disk(disk.serial), "root disk");
    return TRY_WITH(
        disk.type.empty() ? mount_as_what_it_is(device, options) : mount_as(disk.type, device, options),
        "root disk");
}

Result<void> create_disk_nodes(BorrowedFd root, guest::Krun const& krun) {
    for (auto const& serial : krun.disks) {
        auto const name = TRY(find_disk(serial));
        struct stat st {};
        if (::stat(("/dev/" + name).c_str(), &st) < 0) return fail(Error::sys("stat /dev/" + name));
        guest::Device const node{.path = "/dev/" + name,
                                 .type = "b",
                                 .major = major(st.st_rdev),
                                 .minor = minor(st.st_rdev),
                                 .file_mode = 0600,
                                 .uid = guest::machine_id(krun.uid_mappings, 0),
                                 .gid = guest::machine_id(krun.gid_mappings, 0)};
        TRY(create_extra_device(root, node));
        TRY(create_device_link(root, "/dev/disk/by-id/virtio-" + serial, "../../" + name));
    }
    return {};
}

}  // namespace krun::init
