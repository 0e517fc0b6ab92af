// SPDX-License-Identifier: Apache-2.0
// The terminal that a process has: what its descriptors are, whom it belongs to, how it is set.
#define _GNU_SOURCE
#include <asm/termbits.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "world.h"

static void standard_streams(void) {
    for (int fd = 0; fd < 3; fd++) {
        struct stat st;
        char const* const name = isatty(fd) ? ttyname(fd) : NULL;
        printf("name of %d=%s\n", fd, name ? name : strerrorname_np(errno));
        if (fstat(fd, &st) == 0)
            printf("number, mode and owner of %d=%u:%u %o %u:%u\n", fd, major(st.st_rdev), minor(st.st_rdev), st.st_mode,
                   st.st_uid, st.st_gid);
    }
}

static void control(void) {
    pid_t session = -1;
    ioctl(0, TIOCGSID, &session);
    printf("it controls the session=%s\n", session == getsid(0) ? "yes" : "no");
    printf("its foreground is the process group=%s\n", tcgetpgrp(0) == getpgrp() ? "yes" : "no");
    printf("open /dev/tty=%s\n", word(open("/dev/tty", O_RDWR)));
    printf("open /dev/console=%s\n", word(open("/dev/console", O_RDWR | O_NOCTTY)));
    printf("open it by its name=%s\n", word(open(isatty(0) ? ttyname(0) : "", O_RDWR | O_NOCTTY)));
    struct stat own, console;
    int const found = fstat(0, &own) == 0 && stat("/dev/console", &console) == 0;
    printf("/dev/console is it=%s\n", found && own.st_rdev == console.st_rdev && own.st_ino == console.st_ino ? "yes" : "no");
    // An end of file: nothing that would be shown.
    printf("put a character into its input=%s\n", word(ioctl(0, TIOCSTI, "\x04")));
}

static void settings(void) {
    struct winsize size = {0};
    printf("read the size=%s\n", word(ioctl(0, TIOCGWINSZ, &size)));
    printf("size=%u rows, %u columns, %u by %u\n", size.ws_row, size.ws_col, size.ws_xpixel, size.ws_ypixel);
    struct termios2 t = {0};
    printf("read the settings=%s\n", word(ioctl(0, TCGETS2, &t)));
    printf("input modes=%#o\n", t.c_iflag);
    printf("output modes=%#o\n", t.c_oflag);
    printf("control modes=%#o\n", t.c_cflag);
    printf("local modes=%#o\n", t.c_lflag);
    printf("line discipline=%u\n", t.c_line);
    printf("speed=%u %u\n", t.c_ispeed, t.c_ospeed);
    printf("control characters=");
    for (int i = 0; i < NCCS; i++) printf("%02x ", t.c_cc[i]);
    int flag = -1;
    printf("\nexclusive=%d\n", ioctl(0, TIOCGEXCL, &flag) < 0 ? -1 : flag);
}

static void another(void) {
    int const master = open("/dev/ptmx", O_RDWR | O_NOCTTY);
    printf("open /dev/ptmx=%s\n", word(master));
    printf("unlock its terminal=%s\n", word(ioctl(master, TIOCSPTLCK, &(int){0})));
    char const* const name = ptsname(master);
    printf("name of its terminal=%s\n", name ? name : "none");
    struct stat st = {0};
    if (name && stat(name, &st) == 0) printf("mode and owner of its terminal=%o %u:%u\n", st.st_mode, st.st_uid, st.st_gid);
    printf("open its terminal=%s\n", word(name ? open(name, O_RDWR | O_NOCTTY) : -1));
    printf("open it through the master=%s\n", word(ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY)));
}

void terminal(void) {
    standard_streams();
    control();
    settings();
    another();
}
