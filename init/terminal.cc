// SPDX-License-Identifier: Apache-2.0
#include "init/terminal.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "init/mount_point.h"
#include "init/mounts.h"

namespace krun::init {
namespace {

constexpr int kLargeFile = 0100000;  // the kernel's O_LARGEFILE, which is 0 in a C library of 64 bits

}  // namespace

// A character device's file belongs to the device's driver, wherever its inode lies
// (linux Documentation/admin-guide/devices.txt: 5, 2 is /dev/ptmx).
bool is_terminal_master(BorrowedFd fd) {
    struct statx info {};
    if (::statx(fd.raw(), "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_TYPE, &info) < 0) return false;
    return S_ISCHR(info.stx_mode) && info.stx_rdev_major == 5 && info.stx_rdev_minor == 2;
}

Result<Terminal> open_terminal(BorrowedFd root, uint32_t uid, std::optional<guest::ConsoleSize> size) {
    Terminal out;
    out.master = TRY_WITH(open_in_root(root, "/dev/pts/ptmx", O_RDWR | O_NOCTTY), "open a terminal");
    if (!is_terminal_master(out.master.borrow()))
        return fail(Error(Errc::kSystem, "open a terminal: /dev/pts/ptmx is no terminal multiplexer"));
    int const master = out.master.borrow().raw();
    int const unlock = 0;
    if (::ioctl(master, TIOCSPTLCK, &unlock) < 0) return fail(Error::sys("unlock the terminal"));
    // By descriptor, not by name: no path inside the root is trusted to be the slave (ioctl_tty(2)).
    // The payload sees these flags: what open(2) adds is there, and what it keeps to itself is not.
    out.slave = UniqueFd(::ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | kLargeFile));
    if (!out.slave.valid() || ::fcntl(out.slave.borrow().raw(), F_SETFD, FD_CLOEXEC) < 0)
        return fail(Error::sys("open the terminal's payload side"));
    // The group stays what devpts' gid= option says.
    if (::fchown(out.slave.borrow().raw(), uid, static_cast<gid_t>(-1)) < 0)
        return fail(Error::sys("set the terminal's owner"));
    if (size) TRY(set_terminal_size(out.master.borrow(), size->height, size->width));
    return out;
}

Result<void> mount_console(BorrowedFd root, BorrowedFd slave) {
    auto const console = TRY(clone_tree(slave, "", /*recursive=*/false));
    auto const target =
        TRY_WITH(open_or_create_in_root(root, "/dev/console", NodeKind::kFile), "create /dev/console");
    TRY_WITH(attach(console.borrow(), target.borrow()), "mount /dev/console");
    return {};
}

Result<void> set_terminal_size(BorrowedFd master, uint16_t rows, uint16_t columns) {
    winsize size{};
    size.ws_row = rows;
    size.ws_col = columns;
    if (::ioctl(master.raw(), TIOCSWINSZ, &size) < 0) return fail(Error::sys("set the terminal's size"));
    return {};
}

Result<void> take_controlling_terminal(BorrowedFd slave) {
    if (::ioctl(slave.raw(), TIOCSCTTY, 0) < 0) return fail(Error::sys("take the controlling terminal"));
    return {};
}

}  // namespace krun::init
