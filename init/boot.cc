// SPDX-License-Identifier: Apache-2.0
#include "init/boot.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

#include "base/fd.h"

namespace krun::init {
namespace {

struct BootMount {
    char const* target;
    char const* type;
    unsigned long flags;
};
constexpr unsigned long kSafe = MS_NOSUID | MS_NOEXEC | MS_NODEV;
constexpr BootMount kMounts[] = {
    {"/proc", "proc", kSafe},
    {"/sys", "sysfs", kSafe},
    {"/dev", "devtmpfs", MS_NOSUID | MS_NOEXEC},  // the kernel may have mounted it: CONFIG_DEVTMPFS_MOUNT
    {"/sys/fs/cgroup", "cgroup2", kSafe},
};

}  // namespace

Result<void> occupy_standard_streams() {
    while (true) {
        UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));  // there is no /dev/null yet
        if (!fd.valid()) return fail(Error::sys("occupy the standard streams"));
        if (fd.borrow().raw() > STDERR_FILENO) return {};
        static_cast<void>(fd.release());
    }
}

Result<void> mount_boot_tree() {
    for (auto const& m : kMounts) {
        if (::mount(m.type, m.target, m.type, m.flags, nullptr) == 0 || errno == EBUSY) continue;
        return fail(Error::sys(std::string("mount ") + m.target + " of the boot tree"));
    }
    return {};
}

Result<void> set_names(std::string const& hostname, std::string const& domainname) {
    if (!hostname.empty() && ::sethostname(hostname.data(), hostname.size()) < 0)
        return fail(Error::sys("set hostname \"" + hostname + "\""));
    if (!domainname.empty() && ::setdomainname(domainname.data(), domainname.size()) < 0)
        return fail(Error::sys("set domainname \"" + domainname + "\""));
    return {};
}

void end_machine() {
    ::reboot(RB_AUTOBOOT);
    while (true) ::pause();  // only if reboot(2) is refused; PID 1 must not return
}

}  // namespace krun::init
