// SPDX-License-Identifier: Apache-2.0
#include "runtime/exec/console_socket.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <termios.h>

#include <cstdlib>
#include <string_view>

#include "base/fd_passing.h"

namespace krun::runtime {

Result<Terminal> open_terminal(TerminalSize size) {
    UniqueFd master(::open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC));
    if (!master.valid()) return fail(Error::sys("open /dev/ptmx"));
    int const fd = master.borrow().raw();
    if (::unlockpt(fd) < 0) return fail(Error::sys("unlock a terminal"));
    // By descriptor, not by the name in /dev/pts: that directory may be another mount here.
    UniqueFd slave(::ioctl(fd, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC));
    if (!slave.valid()) return fail(Error::sys("open the terminal's other side"));
    termios mode{};
    if (::tcgetattr(slave.borrow().raw(), &mode) < 0) return fail(Error::sys("read terminal modes"));
    ::cfmakeraw(&mode);
    if (::tcsetattr(slave.borrow().raw(), TCSANOW, &mode) < 0) return fail(Error::sys("set terminal modes"));
    if (size.rows != 0 || size.columns != 0) {
        winsize const window{size.rows, size.columns, 0, 0};
        if (::ioctl(fd, TIOCSWINSZ, &window) < 0) return fail(Error::sys("set the terminal's size"));
    }
    return Terminal{std::move(master), std::move(slave)};
}

Result<void> send_terminal(BorrowedFd console_socket, BorrowedFd master) {
    constexpr std::string_view kPayload = "/dev/ptmx";
    TRY_WITH(send_message(console_socket, std::as_bytes(std::span(kPayload)), std::span(&master, 1)),
             "console socket");
    return {};
}

Result<TerminalSize> terminal_size(BorrowedFd terminal) {
    winsize window{};
    if (::ioctl(terminal.raw(), TIOCGWINSZ, &window) < 0) return fail(Error::sys("read the terminal's size"));
    return TerminalSize{window.ws_row, window.ws_col};
}

}  // namespace krun::runtime
