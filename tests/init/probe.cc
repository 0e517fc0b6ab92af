// SPDX-License-Identifier: Apache-2.0
// The payload of init's tests: a static program that tells what it finds itself in. Commands are separated by
// ",": probe ids , file /proc/self/status , exit 3
#include <dirent.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <initializer_list>

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

// Catches the signal of that number and exits with it.
void wait_for_signal(Argument number) {
    signal(atoi(number), [](int caught) { _exit(caught); });
    printf("waiting\n");
    fflush(stdout);
    while (true) pause();
}

// Leaves a grandchild that holds the streams open and lives on.
void leave_orphan(Argument) {
    if (fork() == 0) {
        if (fork() == 0)
            while (true) pause();
        _exit(0);
    }
}
// One that writes without end.
void leave_writer(Argument) {
    if (fork() == 0) {
        if (fork() == 0)
            while (true) write_bytes("65536");
        _exit(0);
    }
}
// One that says something when it is told to end.
void leave_talker(Argument) {
    signal(SIGUSR1, [](int) {
        if (write(1, "talker\n", 7) != 7) _exit(1);
        _exit(0);
    });
    pid_t const child = fork();
    if (child != 0) {
        waitpid(child, nullptr, 0);
        signal(SIGUSR1, SIG_DFL);
        return;
    }
    if (fork() != 0) _exit(0);
    while (true) pause();
}

// From then on standard output is the file, with what standard input holds at its start.
void tee(Argument path) {
    freopen(path, "w", stdout);
    copy(0, 1);
}

void read_descriptor(Argument number) {
    if (int const error = copy(atoi(number), 1); error != 0) printf("read: errno %d\n", error);
}
void write_descriptor(Argument number) {
    printf("wrote %d\n", dprintf(atoi(number), "to %s\n", number));
}

// A socket whose last close waits for an hour: its peer takes nothing of what is on the way.
int lingering_socket() {
    int const listener = socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in name{};
    name.sin_family = AF_INET;
    name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t bytes = sizeof name;
    auto* const address = reinterpret_cast<sockaddr*>(&name);
    bind(listener, address, sizeof name);
    listen(listener, 1);
    getsockname(listener, address, &bytes);
    int const fd = socket(AF_INET, SOCK_STREAM, 0);
    linger const hour{1, 3600};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &hour, sizeof hour);
    if (connect(fd, address, sizeof name) < 0) printf("connect: errno %d\n", errno);
    static char const kBytes[65536] = {};
    while (send(fd, kBytes, sizeof kBytes, MSG_DONTWAIT) > 0) {
    }
    return fd;
}

void send_with(int fd, char const* text, int to, sockaddr_un* name, socklen_t bytes) {
    iovec part{const_cast<char*>(text), strlen(text)};
    alignas(cmsghdr) char space[CMSG_SPACE(sizeof fd)] = {};
    msghdr message{};
    message.msg_name = name;
    message.msg_namelen = bytes;
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = space;
    message.msg_controllen = sizeof space;
    cmsghdr* const control = CMSG_FIRSTHDR(&message);
    control->cmsg_level = SOL_SOCKET;
    control->cmsg_type = SCM_RIGHTS;
    control->cmsg_len = CMSG_LEN(sizeof fd);
    memcpy(CMSG_DATA(control), &fd, sizeof fd);
    if (sendmsg(to, &message, 0) < 0) printf("send: errno %d\n", errno);
}

// Sends one over `to`; when the message is read later, whoever reads it lets go of it, and waits.
void send_lingering(int to, sockaddr_un* name, socklen_t bytes) {
    int const fd = lingering_socket();
    send_with(fd, "with", to, name, bytes);
    close(fd);  // not the last one: at once
}

// So long it takes the test to hold those who would read.
void wait_for_hold() {
    usleep(300'000);
}
// Until nobody takes any more of what is sent: what follows stays in its message for now.
void stuff(int to, sockaddr_un* name, socklen_t bytes) {
    static char const kBytes[4096] = {};
    int waiting = 0;
    while (waiting == 0) {
        sendto(to, kBytes, sizeof kBytes, MSG_DONTWAIT, reinterpret_cast<sockaddr*>(name), bytes);
        for (int ms = 0; ioctl(to, SIOCOUTQ, &waiting) == 0 && waiting != 0 && ms < 20; ++ms) usleep(1000);
    }
}

void linger_over_descriptor(Argument number) {
    wait_for_hold();
    send_lingering(atoi(number), nullptr, 0);
}
void linger_over_notify(Argument) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    strcpy(address.sun_path, getenv("NOTIFY_SOCKET"));
    int const to = socket(AF_UNIX, SOCK_DGRAM, 0);
    wait_for_hold();
    stuff(to, &address, sizeof address);
    send_lingering(to, &address, sizeof address);
}

void notify(Argument text) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    strcpy(address.sun_path, getenv("NOTIFY_SOCKET"));
    int const fd = socket(AF_UNIX, SOCK_DGRAM, 0);
    if (sendto(fd, text, strlen(text), 0, reinterpret_cast<sockaddr*>(&address), sizeof address) < 0)
        printf("notify: errno %d\n", errno);
    close(fd);
}
// Sends `text` with one end of a pipe, and goes on when nobody has that any more (sd_notify(3)).
void notify_and_wait(Argument text) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    strcpy(address.sun_path, getenv("NOTIFY_SOCKET"));
    int ends[2];
    if (pipe(ends) < 0) return;
    send_with(ends[1], text, socket(AF_UNIX, SOCK_DGRAM, 0), &address, sizeof address);
    close(ends[1]);
    char none;
    printf("it closes: %zd\n", read(ends[0], &none, 1));
}
void notify_often(Argument count) {
    for (int left = atoi(count); left > 0; --left) notify("again");
}

// Which namespaces are the same as those in `path`, in the order of their names.
void compare_namespaces(Argument path) {
    printf("same namespaces:");
    for (Argument name : {"cgroup", "ipc", "mnt", "net", "pid", "uts", "user"}) {
        char own[64];
        char other[64];
        struct stat a;
        struct stat b;
        snprintf(own, sizeof own, "/proc/self/ns/%s", name);
        snprintf(other, sizeof other, "%s/%s", path, name);
        if (stat(own, &a) == 0 && stat(other, &b) == 0 && a.st_ino == b.st_ino) printf(" %s", name);
    }
    printf("\n");
}

void print_descriptors(Argument) {
    printf("descriptors:");
    for (int fd = 0; fd < 4096; ++fd)
        if (fcntl(fd, F_GETFD) >= 0) printf(" %d", fd);
    printf("\n");
}

volatile sig_atomic_t g_terminated = 0;

// What of init's the process holds, as one that may trace it sees it.
int count_loot(int pid) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/root", pid);
    struct stat own;
    struct stat root;
    int loot = stat("/", &own) == 0 && stat(path, &root) == 0 && own.st_ino != root.st_ino ? 1 : 0;
    for (int fd = 0; fd < 256; ++fd) {
        char target[64] = {};
        snprintf(path, sizeof path, "/proc/%d/fd/%d", pid, fd);
        if (readlink(path, target, sizeof target - 1) < 0) continue;
        if (strstr(target, "[eventpoll]") != nullptr || strstr(target, "[signalfd]") != nullptr) ++loot;
    }
    return loot;
}

// Stops each process that appears as soon as it does, and looks at what it holds, until SIGTERM.
void hunt(Argument) {
    signal(SIGTERM, [](int) { g_terminated = 1; });
    printf("waiting\n");
    fflush(stdout);
    int caught = 0;
    int loot = 0;
    int last = getpid();
    for (bool more = true; more;) {
        more = g_terminated == 0;
        for (int pid = last + 1; pid < last + 64; ++pid) {
            if (kill(pid, SIGSTOP) < 0) continue;
            loot += count_loot(pid);
            kill(pid, SIGCONT);
            ++caught;
            last = pid;
        }
    }
    printf("caught %d, loot %d\n", caught, loot);
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
    {"wait-for", true, wait_for_signal},
    {"orphan", false, leave_orphan},
    {"writer", false, leave_writer},
    {"talker", false, leave_talker},
    {"tee", true, tee},
    {"read-fd", true, read_descriptor},
    {"write-fd", true, write_descriptor},
    {"notify", true, notify},
    {"linger-over-notify", false, linger_over_notify},
    {"linger-over-fd", true, linger_over_descriptor},
    {"notify-often", true, notify_often},
    {"notify-and-wait", true, notify_and_wait},
    {"say", true, [](Argument text) { printf("%s\n", text); }},
    {"error", true, [](Argument text) { fprintf(stderr, "%s\n", text); }},
    {"exit", true, [](Argument code) { _exit(atoi(code)); }},
    {"namespaces", true, compare_namespaces},
    {"descriptors", false, print_descriptors},
    {"hunt", false, hunt},
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
