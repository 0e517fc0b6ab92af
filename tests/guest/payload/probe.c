// SPDX-License-Identifier: Apache-2.0
// What busybox cannot do inside a container, one function per name; built statically by the suite.
#include <errno.h>
#include <linux/vm_sockets.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>
#include <fcntl.h>

#include "abuse.h"
#include "files.h"
#include "network.h"

static int segfault(void) {
    *(volatile int*)8 = 1;
    return 0;
}

static void say_signal(int number) {
    char line[] = "signal 00\n";
    line[7] = (char)('0' + number / 10);
    line[8] = (char)('0' + number % 10);
    ssize_t ignored = write(1, line, sizeof line - 1);
    (void)ignored;
    if (number == SIGTERM) _exit(7);
}

// Prints every signal that arrives; SIGTERM ends it with status 7.
static int signals(void) {
    for (int number = 1; number <= SIGRTMAX; number++) signal(number, say_signal);
    puts("ready");
    fflush(stdout);
    for (;;) pause();
}

// One frame of docs/control-protocol.md: the payload's "exited with 0".
static int say_exited(uint32_t cid, uint32_t port, uint32_t own_port) {
    static uint8_t const kExited[24] = {12, 0, 0, 0, 5};
    struct sockaddr_vm peer = {.svm_family = AF_VSOCK, .svm_cid = cid, .svm_port = port};
    struct sockaddr_vm own = {.svm_family = AF_VSOCK, .svm_cid = VMADDR_CID_ANY, .svm_port = own_port};
    int const fd = socket(AF_VSOCK, SOCK_STREAM, 0);
    if (fd < 0) return 0;
    struct timeval const limit = {.tv_sec = 1};
    setsockopt(fd, AF_VSOCK, SO_VM_SOCKETS_CONNECT_TIMEOUT_NEW, &limit, sizeof limit);
    if (own_port != 0) bind(fd, (struct sockaddr*)&own, sizeof own);
    int const connected = connect(fd, (struct sockaddr*)&peer, sizeof peer) == 0;
    if (connected) {
        ssize_t ignored = write(fd, kExited, sizeof kExited);
        (void)ignored;
    }
    close(fd);
    return connected;
}

// Tries, as any program in the guest could, to speak for init: connects to each port a runtime might listen
// on and to init's own, as the host would, says "exited with 0", and asks the file system to record 0.
static int forge_status(void) {
    static uint32_t const kGuest[] = {VMADDR_CID_LOCAL, 3};
    int connected = 0;
    for (uint32_t port = 27500; port < 27520; port++) connected += say_exited(VMADDR_CID_HOST, port, 0);
    for (size_t i = 0; i < sizeof kGuest / sizeof kGuest[0]; i++)
        for (uint32_t stream = 0; stream < 3; stream++)
            connected += say_exited(kGuest[i], 27507, 0x10000000 + stream);
    int const root = open("/", O_RDONLY);
    ioctl(root, 0x7602, 0);
    printf("connected %d\n", connected);
    fflush(stdout);
    return 9;
}

// Opens files until it may open no more, and prints how often.
static int open_many(void) {
    int count = 0;
    char name[32];
    for (;; count++) {
        snprintf(name, sizeof name, "/data/%d", count);
        if (open(name, O_CREAT | O_RDWR, 0600) < 0) break;
        unlink(name);
    }
    printf("%d\n", count);
    return 0;
}

static int files(void) {
    int const failures = all_file_operations("/data");
    return failures == 0 ? all_file_operations("/mnt") : failures;
}

// Says to its service manager that it is ready, with a number of its own process that means nothing outside.
static int notify(void) {
    struct sockaddr_un manager = {.sun_family = AF_UNIX};
    char const* const path = getenv("NOTIFY_SOCKET");
    if (path == NULL || strlen(path) >= sizeof manager.sun_path) return 3;
    strcpy(manager.sun_path, path);
    static char const kText[] = "READY=1\nMAINPID=1\nSTATUS=serving";
    int const fd = socket(AF_UNIX, SOCK_DGRAM, 0);
    return sendto(fd, kText, sizeof kText - 1, 0, (struct sockaddr*)&manager, sizeof manager) > 0 ? 0 : 4;
}

// Says that it is ready and waits until that has been processed: with a descriptor that is closed then (sd_notify(3)).
static int barrier(void) {
    struct sockaddr_un manager = {.sun_family = AF_UNIX};
    strcpy(manager.sun_path, getenv("NOTIFY_SOCKET"));
    int const to = socket(AF_UNIX, SOCK_DGRAM, 0);
    int ends[2];
    if (connect(to, (struct sockaddr*)&manager, sizeof manager) < 0 || send(to, "READY=1", 7, 0) != 7 || pipe(ends) < 0) return 3;
    _Alignas(struct cmsghdr) char space[CMSG_SPACE(sizeof(int))] = {0};
    struct iovec text = {"BARRIER=1", 9};
    struct msghdr message = {.msg_iov = &text, .msg_iovlen = 1, .msg_control = space, .msg_controllen = sizeof space};
    struct cmsghdr* const head = CMSG_FIRSTHDR(&message);
    head->cmsg_len = CMSG_LEN(sizeof(int));
    head->cmsg_level = SOL_SOCKET;
    head->cmsg_type = SCM_RIGHTS;
    memcpy(CMSG_DATA(head), &ends[1], sizeof(int));
    if (sendmsg(to, &message, 0) != 9) return 4;
    close(ends[1]);
    return read(ends[0], space, 1) == 0 ? 5 : 6;
}

// A service with a socket: echoes one connection after the other until one says "end". Ends with their number.
static int serve(void) {
    char const* const count = getenv("LISTEN_FDS");
    char const* const pid = getenv("LISTEN_PID");
    if (count == NULL || pid == NULL || strcmp(count, "1") != 0 || atoi(pid) != getpid()) return 100;
    char buffer[65536];
    for (int served = 1;; served++) {
        int const fd = accept(3, NULL, NULL);
        if (fd < 0) return 101;
        ssize_t n;
        int last = 0;
        while ((n = read(fd, buffer, sizeof buffer)) > 0) {
            last = n == 3 && memcmp(buffer, "end", 3) == 0;
            for (ssize_t done = 0, w; done < n; done += w)
                if ((w = write(fd, buffer + done, (size_t)(n - done))) < 0) return 102;
        }
        close(fd);
        if (last) return served;
    }
}

// busybox's date knows seconds only.
static int print_clock(void) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    printf("%lld\n", now.tv_sec * 1000000000LL + now.tv_nsec);
    return 0;
}

// Answers each byte with what the clocks say: CLOCK_REALTIME and CLOCK_MONOTONIC in nanoseconds.
static int tell_time(void) {
    char byte;
    while (read(0, &byte, 1) == 1) {
        struct timespec real, mono;
        clock_gettime(CLOCK_REALTIME, &real);
        clock_gettime(CLOCK_MONOTONIC, &mono);
        printf("%lld %lld\n", real.tv_sec * 1000000000LL + real.tv_nsec, mono.tv_sec * 1000000000LL + mono.tv_nsec);
        fflush(stdout);
    }
    return 0;
}

// Sends all of stdin to a unix socket, ends that half, and prints the answer, if it waits. Ends with connect's errno.
static int connect_to(char const* path, int waits) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    strncpy(address.sun_path, path, sizeof address.sun_path - 1);
    int const fd = socket(AF_UNIX, SOCK_STREAM, 0);
    if (connect(fd, (struct sockaddr*)&address, sizeof address) < 0) return errno;
    signal(SIGPIPE, SIG_IGN);
    char buffer[65536];
    ssize_t n;
    while ((n = read(0, buffer, sizeof buffer)) > 0)
        for (ssize_t done = 0, w; done < n; done += w)
            if ((w = write(fd, buffer + done, (size_t)(n - done))) < 0) return errno;
    if (!waits) return 0;
    shutdown(fd, SHUT_WR);
    while ((n = read(fd, buffer, sizeof buffer)) > 0)
        for (ssize_t done = 0, w; done < n; done += w)
            if ((w = write(1, buffer + done, (size_t)(n - done))) < 0) return errno;
    return n < 0 ? errno : 0;
}

int main(int argc, char** argv) {
    if (argc == 3 && strcmp(argv[1], "echo-tcp") == 0) return echo_tcp(argv[2]);
    if (argc == 3 && strcmp(argv[1], "echo-udp") == 0) return echo_udp(argv[2]);
    if (argc == 3 && strcmp(argv[1], "connect") == 0) return connect_to(argv[2], 1);
    if (argc == 3 && strcmp(argv[1], "send") == 0) return connect_to(argv[2], 0);
    static struct {
        char const* name;
        int (*function)(void);
    } const kTable[] = {
        {"segfault", segfault}, {"signals", signals}, {"forge-status", forge_status}, {"notify", notify}, {"barrier", barrier}, {"serve", serve}, {"files", files}, {"lock", lock_file}, {"lock-wait", wait_for_locks},
        {"clock", print_clock}, {"tell-time", tell_time},
        {"fork-bomb", fork_bomb}, {"fill-memory", fill_memory}, {"close-all", close_all}, {"ignore-all", ignore_all},
        {"environment", environment}, {"open-many", open_many}};
    for (size_t i = 0; argc > 1 && i < sizeof kTable / sizeof kTable[0]; i++)
        if (strcmp(argv[1], kTable[i].name) == 0) return kTable[i].function();
    return 2;
}
