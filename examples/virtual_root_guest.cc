// SPDX-License-Identifier: Apache-2.0
// PID 1 of virtual_root's guest: looks at its files, answers, and ends the machine.
#include <fcntl.h>
#include <sys/reboot.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

namespace {

void show(char const* path) {
    char text[256];
    int const fd = ::open(path, O_RDONLY | O_CLOEXEC);
    ssize_t const n = fd < 0 ? -1 : ::read(fd, text, sizeof text);
    if (n < 0)
        std::printf("%s: %s\n", path, std::strerror(errno));
    else
        std::printf("%s: %.*s", path, static_cast<int>(n), text);
    if (fd >= 0) ::close(fd);
}

void answer(char const* text) {
    int const fd = ::open("/answer", O_WRONLY | O_CLOEXEC);
    if (fd < 0 || ::write(fd, text, std::strlen(text)) < 0) std::perror("/answer");
    if (fd >= 0) ::close(fd);
}

}  // namespace

int main() {
    std::setvbuf(stdout, nullptr, _IONBF, 0);
    show("/greeting");
    show("/now");
    show("/now");
    show("/init");
    answer("the guest is here\n");
    ::reboot(RB_AUTOBOOT);
}
