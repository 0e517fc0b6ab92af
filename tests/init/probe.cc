// SPDX-License-Identifier: Apache-2.0
// The payload of init's tests: a static program that tells what it finds itself in. Commands are separated by
// ",": probe ids , file /proc/self/status , exit 3
#include <dirent.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/utsname.h>
#include <termios.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

extern char** environ;

namespace {

using Argument = char const*;

int copy(int from, int to) {
    static char buffer[65536];
    ssize_t n;
    while ((n = read(from, buffer, sizeof buffer)) > 0)
        for (ssize_t done = 0; done < n;) {
            ssize_t const w = write(to, buffer + done, static_cast<size_t>(n - done));
            if (w < 0) return errno;
            done += w;
        }
    return n < 0 ? errno : 0;
}

void print_file(Argument path) {
    int const fd = open(path, O_RDONLY);
    if (fd < 0 || copy(fd, 1) != 0) printf("%s: errno %d\n", path, errno);
    close(fd);
}

void print_ids(Argument) {
    mode_t const mask = umask(0);
    umask(mask);
    gid_t groups[32];
    int const n = getgroups(32, groups);
    printf("pid=%d sid=%d uid=%u/%u gid=%u/%u umask=%04o groups=", getpid(), getsid(0), getuid(), geteuid(),
           getgid(), getegid(), mask);
    for (int i = 0; i < n; ++i) printf("%u ", groups[i]);
    printf("\n");
}

void print_environment(Argument) {
    for (char** variable = environ; *variable != nullptr; ++variable) printf("%s\n", *variable);
}

void print_stat(Argument path) {
    struct stat st;
    if (lstat(path, &st) < 0)
        printf("%s: errno %d\n", path, errno);
    else
        printf("%s: mode=%06o rdev=%u:%u uid=%u size=%lld\n", path, st.st_mode, major(st.st_rdev),
               minor(st.st_rdev), st.st_uid, static_cast<long long>(S_ISREG(st.st_mode) ? st.st_size : 0));
}

void print_list(Argument path) {
    DIR* dir = opendir(path);
    if (dir == nullptr) {
        printf("%s: errno %d\n", path, errno);
        return;
    }
    while (dirent* entry = readdir(dir))
        if (entry->d_name[0] != '.') printf("%s/%s\n", path, entry->d_name);
    closedir(dir);
}

void create_file(Argument path) {
    int const fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
    printf("create %s: errno %d\n", path, fd < 0 ? errno : 0);
    if (fd >= 0) close(fd);
}

void print_terminal(Argument) {
    winsize size{};
    ioctl(0, TIOCGWINSZ, &size);
    printf("tty=%d%d%d rows=%u columns=%u foreground=%d name=%s\n", isatty(0), isatty(1), isatty(2),
           size.ws_row, size.ws_col, tcgetpgrp(0) == getpid(), ttyname(0));
}

void print_names(Argument) {
    utsname names;
    uname(&names);
    printf("host=%s domain=%s\n", names.nodename, names.domainname);
}

void print_cwd(Argument) {
    char path[4096];
    printf("cwd=%s\n", getcwd(path, sizeof path) != nullptr ? path : "?");
}

void write_by_path(Argument path) {
    int const fd = open(path, O_WRONLY);
    if (fd < 0)
        printf("open %s: errno %d\n", path, errno);
    else
        dprintf(fd, "by path\n");
}

void write_bytes(Argument count) {
    static char block[65536];
    memset(block, 'x', sizeof block);
    for (long long left = atoll(count); left > 0;) {
        size_t const n = left < 65536 ? static_cast<size_t>(left) : sizeof block;
        ssize_t const w = write(1, block, n);
        if (w < 0) exit(100);
        left -= w;
    }
}

void on_terminate(int) {
    _exit(42);
}
void wait_for_terminate(Argument) {
    signal(SIGTERM, on_terminate);
    printf("waiting\n");
    fflush(stdout);
    while (true) pause();
}
void on_resize(int) {
    print_terminal(nullptr);
    _exit(0);
}
void wait_for_resize(Argument) {
    signal(SIGWINCH, on_resize);
    printf("waiting\n");
    fflush(stdout);
    while (true) pause();
}

// Leaves a grandchild that holds standard output open and lives on.
void leave_orphan(Argument) {
    if (fork() == 0) {
        if (fork() == 0)
            while (true) pause();
        _exit(0);
    }
}

struct Command {
    char const* name;
    bool takes_argument;
    void (*run)(Argument);
};
constexpr Command kCommands[] = {
    {"ids", false, print_ids},
    {"env", false, print_environment},
    {"file", true, print_file},
    {"stat", true, print_stat},
    {"list", true, print_list},
    {"create", true, create_file},
    {"tty", false, print_terminal},
    {"names", false, print_names},
    {"cwd", false, print_cwd},
    {"write-path", true, write_by_path},
    {"write", true, write_bytes},
    {"copy", false, [](Argument) { copy(0, 1); }},
    {"wait-term", false, wait_for_terminate},
    {"wait-resize", false, wait_for_resize},
    {"orphan", false, leave_orphan},
    {"say", true, [](Argument text) { printf("%s\n", text); }},
    {"error", true, [](Argument text) { fprintf(stderr, "%s\n", text); }},
    {"exit", true, [](Argument code) { _exit(atoi(code)); }},
    {"abort", false,
     [](Argument) {
         signal(SIGABRT, SIG_DFL);
         abort();
     }},
};

}  // namespace

int main(int argc, char** argv) {
    for (int i = 1; i < argc; ++i) {
        if (strcmp(argv[i], ",") == 0) continue;
        for (auto const& command : kCommands) {
            if (strcmp(argv[i], command.name) != 0) continue;
            command.run(command.takes_argument ? argv[++i] : nullptr);
            fflush(stdout);
            break;
        }
    }
    return 0;
}
