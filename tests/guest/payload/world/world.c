// SPDX-License-Identifier: Apache-2.0
// What a payload can ask its kernel and a shell cannot print, as lines "name=value". Built statically; it needs no file.
// usage: world SECTION...
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <mqueue.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "world.h"

char const* word(long result) {
    return result < 0 ? strerrorname_np(errno) : "done";
}

// -- process ----------------------------------------------------------------------------------------------------

static void flags(void) {
    printf("dumpable=%d\n", prctl(PR_GET_DUMPABLE));
    printf("keepcaps=%d\n", prctl(PR_GET_KEEPCAPS));
    printf("securebits=%d\n", prctl(PR_GET_SECUREBITS));
    int subreaper = -1;
    prctl(PR_GET_CHILD_SUBREAPER, &subreaper);
    printf("child subreaper=%d\n", subreaper);
    int death_signal = -1;
    prctl(PR_GET_PDEATHSIG, &death_signal);
    printf("parent death signal=%d\n", death_signal);
    printf("timer slack=%d\n", prctl(PR_GET_TIMERSLACK));
    printf("personality=%#x\n", (unsigned)personality(0xffffffff));
}

// Of PID 1: a flag may keep it from its children.
static void scheduling(void) {
    struct {
        uint32_t size, policy;
        uint64_t flags;
        int32_t nice;
        uint32_t priority;
        uint64_t runtime, deadline, period;
    } attr = {.size = 48};
    if (syscall(SYS_sched_getattr, 1, &attr, 48, 0) < 0) printf("scheduler=%s\n", word(-1));
    else
        printf("scheduler=policy %u nice %d priority %u flags %#lx\n", attr.policy, attr.nice, attr.priority, attr.flags);
    long const io = syscall(SYS_ioprio_get, 1, 1);
    printf("I/O priority=class %ld level %ld\n", io >> 13, io & 0x1fff);
}

static void names(void) {
    struct utsname name;
    uname(&name);
    printf("hostname=%s\n", name.nodename);
    printf("domainname=%s\n", name.domainname);
    printf("machine=%s\n", name.machine);
    printf("system=%s\n", name.sysname);
}

// How far the clocks of this process are from those of its parent namespace, in seconds (time_namespaces(7)).
static void clocks(void) {
    char text[256] = "";
    int const fd = open("/proc/self/timens_offsets", O_RDONLY);
    ssize_t const n = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
    if (n < 0) printf("offsets=%s\n", word(-1));
    char clock[32];
    long seconds = 0, nanoseconds = 0;
    for (char* line = strtok(text, "\n"); line != NULL; line = strtok(NULL, "\n"))
        if (sscanf(line, "%31s %ld %ld", clock, &seconds, &nanoseconds) == 3)
            printf("offset of %s=%ld.%09ld\n", clock, seconds, nanoseconds);
    struct timespec now;
    clock_gettime(CLOCK_BOOTTIME, &now);
    printf("a day since boot=%s\n", now.tv_sec > 86400 ? "yes" : "no");
}

// What is open in a child: PID 1's own, less what closes itself.
static void descriptors(void) {
    for (int fd = 0; fd < 1024; fd++) {
        struct stat st;
        if (fstat(fd, &st) == 0) printf("%d=%s, flags %#o\n", fd, S_ISFIFO(st.st_mode) ? "pipe" : S_ISCHR(st.st_mode) ? "character device" : "other", fcntl(fd, F_GETFL) & ~O_LARGEFILE);
    }
}

// -- what it may do ---------------------------------------------------------------------------------------------

static void attempts(void) {
    mkdir("/tmp/attempt", 0700);
    printf("mount a tmpfs=%s\n", word(mount("tmpfs", "/tmp/attempt", "tmpfs", 0, "")));
    printf("remount / writable=%s\n", word(mount("", "/", "", MS_REMOUNT | MS_BIND, "")));
    printf("unmount /proc=%s\n", word(umount2("/proc/nowhere", MNT_DETACH)));
    printf("set hostname=%s\n", word(sethostname("box", 3)));
    printf("create a device=%s\n", word(mknod("/tmp/device", S_IFCHR | 0600, 0x103)));
    printf("give a file away=%s\n", (close(open("/tmp/file", O_CREAT | O_RDWR, 0644)), word(chown("/tmp/file", 7, 7))));
    printf("chroot=%s\n", word(chroot("/")));
    printf("open a raw socket=%s\n", word(socket(AF_INET, SOCK_RAW, 1)));
    struct sockaddr_in const port = {.sin_family = AF_INET, .sin_port = htons(80)};
    printf("listen on port 80=%s\n", word(bind(socket(AF_INET, SOCK_STREAM, 0), (void*)&port, sizeof port)));
    struct ifreq loopback = {.ifr_name = "lo", .ifr_flags = IFF_UP};
    printf("configure the network=%s\n", word(ioctl(socket(AF_INET, SOCK_DGRAM, 0), SIOCSIFFLAGS, &loopback)));
    printf("raise the nice value=%s\n", word(setpriority(PRIO_PROCESS, 0, -5)));
    printf("create a user namespace=%s\n", word(fork() == 0 ? (_exit(unshare(CLONE_NEWUSER) < 0 ? errno : 0), 0) : ({
        int status;
        wait(&status);
        errno = WEXITSTATUS(status);
        -(errno != 0);
    })));
    printf("set the clock=%s\n", word(clock_settime(CLOCK_REALTIME, &(struct timespec){-1, 0})));
    printf("lock memory=%s\n", word(mlock(word, 1)));
    printf("read the kernel's log=%s\n", word(syscall(SYS_syslog, 10, NULL, 0)));
    printf("load a BPF program=%s\n", word(syscall(SYS_bpf, 5, NULL, 0)));
    printf("trace a process=%s\n", word(syscall(SYS_ptrace, 0xffff, 1, 0, 0)));
    printf("add a key=%s\n", word(syscall(SYS_add_key, "user", "name", "x", 1, -3)));
    printf("open by handle=%s\n", word(syscall(SYS_open_by_handle_at, -1, NULL, 0)));
    printf("switch swap on=%s\n", word(syscall(SYS_swapon, "", 0)));
    printf("load a module=%s\n", word(syscall(SYS_init_module, NULL, 0, "")));
    printf("restart=%s\n", word(syscall(SYS_reboot, 0, 0, 0, NULL)));
    printf("change the quota=%s\n", word(syscall(SYS_quotactl, 0, NULL, 0, NULL)));
    printf("use an I/O ring=%s\n", word(syscall(SYS_io_uring_setup, 0, NULL)));
    printf("watch page faults=%s\n", word(syscall(SYS_userfaultfd, 0xffff)));
    printf("open a performance counter=%s\n", word(syscall(SYS_perf_event_open, NULL, 0, 0, 0, 0)));
}

static void queues(void) {
    mqd_t const queue = mq_open("/world", O_CREAT | O_RDWR, 0600, NULL);
    printf("message queue=%s\n", word((long)queue));
    struct stat st;
    printf("message queue in /dev/mqueue=%s\n", stat("/dev/mqueue/world", &st) == 0 ? "yes" : strerrorname_np(errno));
    struct statvfs fs;
    if (statvfs("/dev/shm", &fs) == 0) printf("size of /dev/shm=%lu\n", fs.f_blocks * fs.f_frsize);
    else
        printf("size of /dev/shm=%s\n", word(-1));
    printf("a terminal from /dev/ptmx=%s\n", word(open("/dev/ptmx", O_RDWR | O_NOCTTY)));
}

// -- system calls under a filter --------------------------------------------------------------------------------

static void trapped(int signal, siginfo_t* info, void* context) {
    (void)signal, (void)context;
    printf("SIGSYS for call %d, errno %d\n", info->si_syscall, info->si_errno);
    fflush(stdout);
    _exit(0);
}

// One call in a process of its own, told by number and six arguments; how it ended.
static void call(char const* name, long number, long const* a, int compat) {
    fflush(stdout);
    printf("%s%s=", name, compat ? " (32 bit)" : "");
    fflush(stdout);
    pid_t const child = fork();
    if (child == 0) {
        struct sigaction action = {.sa_sigaction = trapped, .sa_flags = SA_SIGINFO};
        sigaction(SIGSYS, &action, NULL);
        setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
        long result;
        if (compat) {
            int narrow;
            __asm__ volatile("int $0x80" : "=a"(narrow) : "a"((int)number), "b"((int)a[0]), "c"((int)a[1]), "d"((int)a[2])
                             : "memory", "r8", "r9", "r10", "r11");
            result = narrow;
        } else {
            result = syscall(number, a[0], a[1], a[2], a[3], a[4], a[5]);
            if (result < 0) result = -errno;
        }
        printf("%s\n", result < 0 ? strerrorname_np((int)-result) : "done");
        fflush(stdout);
        _exit(0);
    }
    int status;
    waitpid(child, &status, 0);
    if (WIFSIGNALED(status)) printf("killed by signal %d\n", WTERMSIG(status));
    fflush(stdout);
}

static void filtered(void) {
    static struct {
        char const* name;
        long number;
        long a[6];
        int compat;
    } const kCalls[] = {
        // The rules are in worlds/seccomp.py: one action for each of these.
        {"getpid", SYS_getpid, {0}, 0},
        {"getppid", SYS_getppid, {0}, 0},
        {"getuid", SYS_getuid, {0}, 0},
        {"geteuid", SYS_geteuid, {0}, 0},
        {"getgid", SYS_getgid, {0}, 0},
        {"getegid", SYS_getegid, {0}, 0},
        {"getpgrp", SYS_getpgrp, {0}, 0},
        {"sync", SYS_sync, {0}, 0},
        {"sched_yield", SYS_sched_yield, {0}, 0},
        // One operator for each: a number below, at and above the rule's.
        {"getpriority 9", SYS_getpriority, {9, 0}, 0},
        {"getpriority 10", SYS_getpriority, {10, 0}, 0},
        {"getpriority 11", SYS_getpriority, {11, 0}, 0},
        {"getrlimit 19", SYS_getrlimit, {19, 0}, 0},
        {"getrlimit 20", SYS_getrlimit, {20, 0}, 0},
        {"getrlimit 21", SYS_getrlimit, {21, 0}, 0},
        {"getrusage 29", SYS_getrusage, {29, 0}, 0},
        {"getrusage 30", SYS_getrusage, {30, 0}, 0},
        {"getrusage 31", SYS_getrusage, {31, 0}, 0},
        {"getitimer 39", SYS_getitimer, {39, 0}, 0},
        {"getitimer 40", SYS_getitimer, {40, 0}, 0},
        {"getitimer 41", SYS_getitimer, {41, 0}, 0},
        {"getsid -5", SYS_getsid, {-5}, 0},
        {"getsid 0", SYS_getsid, {0}, 0},
        {"getsid 0x100000000", SYS_getsid, {0x100000000}, 0},
        {"getpgid 59", SYS_getpgid, {59}, 0},
        {"getpgid 60", SYS_getpgid, {60}, 0},
        {"getpgid 61", SYS_getpgid, {61}, 0},
        {"alarm 0xf0", SYS_alarm, {0xf0}, 0},
        {"alarm 0x0f", SYS_alarm, {0x0f}, 0},
        {"alarm 0xf7", SYS_alarm, {0xf7}, 0},
        // Two arguments must both match; two rules for one argument are alternatives.
        {"dup2 100 101", SYS_dup2, {100, 101}, 0},
        {"dup2 100 102", SYS_dup2, {100, 102}, 0},
        {"umask 1", SYS_umask, {1}, 0},
        {"umask 2", SYS_umask, {2}, 0},
        {"umask 3", SYS_umask, {3}, 0},
        // i386's numbers.
        {"getpid", 20, {0}, 1},
        {"getppid", 64, {0}, 1},
        {"getuid", 199, {0}, 1},
        {"mkdir", 39, {0}, 1},
        {"socketcall", 102, {1, 0}, 1},
        // x32's bit.
        {"getuid with the x32 bit", SYS_getuid | 0x40000000, {0}, 0},
        {"number 1000", 1000, {0}, 0},
    };
    for (size_t i = 0; i < sizeof kCalls / sizeof kCalls[0]; i++)
        call(kCalls[i].name, kCalls[i].number, kCalls[i].a, kCalls[i].compat);
}

// How one call ends in a child of its own, with arguments that do nothing: 0, an errno, or -signal.
static int end_of_call(long number) {
    pid_t const child = fork();
    if (child == 0) {
        alarm(2);
        close(0);
        long const result = syscall(number, -1, -1, -1, -1, -1, -1);
        _exit(result < 0 ? errno : 0);
    }
    int status;
    waitpid(child, &status, 0);
    return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

// All system calls up to landlock's, sorted by whether a profile refuses them; what is allowed fails in its own way.
static void profile(void) {
    static long const kNever[] = {SYS_exit, SYS_exit_group, SYS_fork, SYS_vfork, SYS_pause, SYS_rt_sigreturn,
                                  SYS_rt_sigsuspend, SYS_vhangup};
    static char refused[8192], missing[8192], killed[8192];
    for (long number = 0; number <= 446; number++) {
        if (number == 335) number = 424;  // there are none between
        int skip = 0;
        for (size_t i = 0; i < sizeof kNever / sizeof kNever[0]; i++) skip |= kNever[i] == number;
        int const end = skip ? 0 : end_of_call(number);
        char* const list = end < 0 ? killed : end == EPERM ? refused : end == ENOSYS ? missing : NULL;
        if (list != NULL) sprintf(list + strlen(list), "%ld ", number);
    }
    printf("refused with EPERM=%s\n", refused);
    printf("answered with ENOSYS=%s\n", missing);
    printf("ended by a signal=%s\n", killed);
}

int main(int argc, char** argv) {
    static struct {
        char const* name;
        void (*function)(void);
    } const kSections[] = {{"flags", flags},       {"scheduling", scheduling}, {"names", names}, {"descriptors", descriptors},
                           {"clocks", clocks},     {"attempts", attempts},     {"queues", queues},
                           {"filtered", filtered}, {"profile", profile},       {"terminal", terminal}};
    int done = 0;
    for (int a = 1; a < argc; a++)
        for (size_t i = 0; i < sizeof kSections / sizeof kSections[0]; i++)
            if (strcmp(argv[a], kSections[i].name) == 0) kSections[i].function(), done++;
    return done == argc - 1 ? 0 : 2;
}
