// SPDX-License-Identifier: Apache-2.0
// Locks of two processes: which exclude each other, what a test tells, what ends them, and waiting.
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>

#include "categories.h"
#include "scene.h"

namespace posix {
namespace {

enum class Family { kPosix, kOfd, kFlock };
constexpr char const* kFamilies[] = {"posix", "ofd", "flock"};

struct Lock {
    char const* name;
    short type;
    off_t start;
    off_t length;
};
constexpr Lock kLocks[] = {
    {"read all", F_RDLCK, 0, 0},      {"write all", F_WRLCK, 0, 0},   {"read 10+10", F_RDLCK, 10, 10},
    {"write 10+10", F_WRLCK, 10, 10}, {"write 0+10", F_WRLCK, 0, 10}, {"write 15+20", F_WRLCK, 15, 20},
    {"write 20+", F_WRLCK, 20, 0},
};

struct flock range(Lock const& lock) {
    struct flock fl {};
    fl.l_type = lock.type;
    fl.l_whence = SEEK_SET;
    fl.l_start = lock.start;
    fl.l_len = lock.length;
    return fl;
}

int try_lock(Family family, int fd, Lock const& lock, bool wait = false) {
    if (family == Family::kFlock) {
        int const kind = lock.type == F_RDLCK ? LOCK_SH : lock.type == F_WRLCK ? LOCK_EX : LOCK_UN;
        return flock(fd, kind | (wait ? 0 : LOCK_NB));
    }
    auto fl = range(lock);
    if (family == Family::kOfd) return fcntl(fd, wait ? F_OFD_SETLKW : F_OFD_SETLK, &fl);
    return fcntl(fd, wait ? F_SETLKW : F_SETLK, &fl);
}

// EAGAIN and EACCES are the same answer (fcntl(2)).
std::string verdict(int result) {
    return result < 0 && errno == EACCES ? "EAGAIN" : outcome(result);
}

// Whether the other process, which opens the file by itself, gets a lock; it lets it go at once.
std::string other_gets(Family family, std::string const& path, Lock const& lock) {
    int pipe_of[2];
    if (pipe(pipe_of) < 0) return outcome(-1);
    pid_t const child = fork();
    if (child == 0) {
        int const fd = open(path.c_str(), O_RDWR);
        auto const text = verdict(try_lock(family, fd, lock));
        _exit(write(pipe_of[1], text.data(), text.size()) < 0);
    }
    close(pipe_of[1]);
    char text[32] = {};
    ssize_t const n = read(pipe_of[0], text, sizeof text - 1);
    close(pipe_of[0]);
    waitpid(child, nullptr, 0);
    return n > 0 ? text : "no answer";
}

// What a test for `lock` tells the other process of the holder.
std::string other_sees(std::string const& path, Lock const& lock) {
    int pipe_of[2];
    if (pipe(pipe_of) < 0) return outcome(-1);
    pid_t const child = fork();
    if (child == 0) {
        int const fd = open(path.c_str(), O_RDWR);
        auto fl = range(lock);
        int const result = fcntl(fd, F_GETLK, &fl);
        std::string text = verdict(result);
        if (result == 0 && fl.l_type == F_UNLCK) text = "free";
        if (result == 0 && fl.l_type != F_UNLCK)
            text = std::string(fl.l_type == F_RDLCK ? "read " : "write ") + std::to_string(fl.l_start) + "+" +
                   std::to_string(fl.l_len) + (fl.l_pid == getppid() ? " of the holder" : " of somebody");
        _exit(write(pipe_of[1], text.data(), text.size()) < 0);
    }
    close(pipe_of[1]);
    char text[64] = {};
    ssize_t const n = read(pipe_of[0], text, sizeof text - 1);
    close(pipe_of[0]);
    waitpid(child, nullptr, 0);
    return n > 0 ? text : "no answer";
}

void matrix(Family family) {
    for (auto const& held : kLocks) {
        if (family == Family::kFlock && held.start != 0) continue;
        auto const path = fresh(Type::kFile);
        int const fd = open(path.c_str(), O_RDWR);
        std::string const name =
            std::string(kFamilies[static_cast<int>(family)]) + ", " + held.name + " held: ";
        observe(name + "taken", verdict(try_lock(family, fd, held)));
        for (auto const& wanted : kLocks) {
            if (family == Family::kFlock && wanted.start != 0) continue;
            if (!chosen()) continue;
            observe(name + wanted.name, other_gets(family, path, wanted));
            if (family == Family::kPosix) observe(name + wanted.name + " test", other_sees(path, wanted));
        }
        close(fd);
        observe(name + "after close", other_gets(family, path, kLocks[1]));
    }
}

// Locks of one family do not exclude those of flock(2); POSIX and open file description locks exclude each
// other.
void families() {
    for (auto const held : {Family::kPosix, Family::kOfd, Family::kFlock})
        for (auto const wanted : {Family::kPosix, Family::kOfd, Family::kFlock}) {
            auto const path = fresh(Type::kFile);
            int const fd = open(path.c_str(), O_RDWR);
            try_lock(held, fd, kLocks[1]);
            observe(std::string(kFamilies[static_cast<int>(held)]) + " against " +
                        kFamilies[static_cast<int>(wanted)],
                    other_gets(wanted, path, kLocks[1]));
            close(fd);
        }
}

void pieces() {
    auto const path = fresh(Type::kFile);
    int const fd = open(path.c_str(), O_RDWR);
    constexpr Lock kFree{"free", F_UNLCK, 10, 10}, kFreeAll{"free", F_UNLCK, 0, 0};
    try_lock(Family::kPosix, fd, {"", F_WRLCK, 0, 100});
    observe("free the middle", verdict(try_lock(Family::kPosix, fd, kFree)));
    observe("the middle", other_gets(Family::kPosix, path, {"", F_WRLCK, 10, 10}));
    observe("before it", other_sees(path, {"", F_WRLCK, 0, 10}));
    observe("behind it", other_sees(path, {"", F_WRLCK, 20, 0}));
    observe("write to read", verdict(try_lock(Family::kPosix, fd, {"", F_RDLCK, 0, 10})));
    observe("read of what became read", other_gets(Family::kPosix, path, {"", F_RDLCK, 0, 10}));
    observe("write of what became read", other_gets(Family::kPosix, path, {"", F_WRLCK, 0, 10}));
    observe("free all",
            {verdict(try_lock(Family::kPosix, fd, kFreeAll)), other_gets(Family::kPosix, path, kLocks[1])});
    struct flock from_end {};
    from_end.l_type = F_WRLCK;
    from_end.l_whence = SEEK_END;
    from_end.l_start = -2;
    observe("from the end", {verdict(fcntl(fd, F_SETLK, &from_end)), other_sees(path, kLocks[1])});
    from_end.l_start = -100;
    observe("before the beginning", verdict(fcntl(fd, F_SETLK, &from_end)));
    Lock const backwards{"", F_WRLCK, 50, -10};
    observe("a negative length",
            {verdict(try_lock(Family::kPosix, fd, backwards)), other_sees(path, {"", F_WRLCK, 40, 10})});
    close(fd);
}

void ends() {
    auto const path = fresh(Type::kFile);
    int const a = open(path.c_str(), O_RDWR);
    int const b = open(path.c_str(), O_RDWR);
    try_lock(Family::kPosix, a, kLocks[1]);
    close(b);
    observe("posix, another descriptor closed", other_gets(Family::kPosix, path, kLocks[1]));
    for (auto const family : {Family::kOfd, Family::kFlock}) {
        std::string const name = kFamilies[static_cast<int>(family)];
        int const c = open(path.c_str(), O_RDWR);
        try_lock(family, c, kLocks[1]);
        close(open(path.c_str(), O_RDWR));
        observe(name + ", another descriptor closed", other_gets(family, path, kLocks[1]));
        int const copy = dup(c);
        close(c);
        observe(name + ", a duplicate left", other_gets(family, path, kLocks[1]));
        close(copy);
        observe(name + ", the last one closed", other_gets(family, path, kLocks[1]));
    }
    int const d = open(path.c_str(), O_RDWR);
    try_lock(Family::kPosix, d, kLocks[1]);
    pid_t const child = fork();
    if (child == 0) _exit(0);
    waitpid(child, nullptr, 0);
    observe("posix, a child ended", other_gets(Family::kPosix, path, kLocks[1]));
    close(d);
    close(a);
}

void modes() {
    auto const path = fresh(Type::kFile);
    for (int const flags : {O_RDONLY, O_WRONLY}) {
        int const fd = open(path.c_str(), flags);
        std::string const name = flags == O_RDONLY ? "open to read: " : "open to write: ";
        for (auto const family : {Family::kPosix, Family::kOfd, Family::kFlock})
            for (auto const& lock : {kLocks[0], kLocks[1]})
                observe(name + kFamilies[static_cast<int>(family)] + " " + lock.name,
                        verdict(try_lock(family, fd, lock)));
        close(fd);
    }
    int const dir = open(".", O_RDONLY);
    observe("flock of a directory", verdict(try_lock(Family::kFlock, dir, kLocks[1])));
    observe("read lock of a directory", verdict(try_lock(Family::kPosix, dir, kLocks[0])));
    close(dir);
}

// A child waits for what this process holds; true if it got it after, and not before, it was let go.
std::string waits(Family family) {
    auto const path = fresh(Type::kFile);
    int const fd = open(path.c_str(), O_RDWR);
    try_lock(family, fd, kLocks[1]);
    int pipe_of[2];
    if (pipe(pipe_of) < 0) return outcome(-1);
    pid_t const child = fork();
    if (child == 0) {
        close(fd);
        int const own = open(path.c_str(), O_RDWR);
        auto const early = verdict(try_lock(family, own, kLocks[1]));
        if (write(pipe_of[1], "w", 1) < 0) _exit(1);
        auto const late = early + " " + verdict(try_lock(family, own, kLocks[1], true));
        _exit(write(pipe_of[1], late.data(), late.size()) < 0);
    }
    char text[32] = {};
    if (read(pipe_of[0], text, 1) != 1) return "no answer";
    usleep(20'000);
    close(fd);
    ssize_t const n = read(pipe_of[0], text, sizeof text - 1);
    waitpid(child, nullptr, 0);
    close(pipe_of[0]);
    close(pipe_of[1]);
    return n > 0 ? text : "no answer";
}

// A timer ends the waiting, as flock(1) does with --timeout.
std::string interrupted(Family family) {
    auto const path = fresh(Type::kFile);
    int const fd = open(path.c_str(), O_RDWR);
    try_lock(family, fd, kLocks[1]);
    pid_t const child = fork();
    if (child == 0) {
        close(fd);
        struct sigaction action {};
        action.sa_handler = [](int) {};
        sigaction(SIGALRM, &action, nullptr);
        itimerval const timer{{0, 20'000}, {0, 20'000}};
        int const own = open(path.c_str(), O_RDWR);
        setitimer(ITIMER_REAL, &timer, nullptr);
        int const result = try_lock(family, own, kLocks[1], true);
        _exit(result == 0 ? 0 : errno);
    }
    int status = 0;
    waitpid(child, &status, 0);
    close(fd);
    errno = WEXITSTATUS(status);
    return errno == 0 ? "ok" : outcome(-1);
}

std::string deadlock() {
    auto const path = fresh(Type::kFile);
    int to_child[2], to_parent[2];
    if (pipe(to_child) < 0 || pipe(to_parent) < 0) return outcome(-1);
    int const fd = open(path.c_str(), O_RDWR);
    try_lock(Family::kPosix, fd, {"", F_WRLCK, 0, 1});
    char byte = 'x';
    pid_t const child = fork();
    if (child == 0) {
        int const own = open(path.c_str(), O_RDWR);
        try_lock(Family::kPosix, own, {"", F_WRLCK, 1, 1});
        if (write(to_parent[1], &byte, 1) < 0) _exit(1);
        _exit(try_lock(Family::kPosix, own, {"", F_WRLCK, 0, 1}, true) == 0 ? 0 : errno);
    }
    if (read(to_parent[0], &byte, 1) != 1) return "no answer";
    usleep(50'000);
    auto const result = verdict(try_lock(Family::kPosix, fd, {"", F_WRLCK, 1, 1}, true));
    close(fd);
    int status = 0;
    waitpid(child, &status, 0);
    for (int const end : {to_child[0], to_child[1], to_parent[0], to_parent[1]}) close(end);
    return result + ", the other " + std::to_string(WEXITSTATUS(status));
}

}  // namespace

void lock_category() {
    for (auto const family : {Family::kPosix, Family::kOfd, Family::kFlock}) {
        std::string const name = kFamilies[static_cast<int>(family)];
        matrix(family);
        observe(name + " waits", waits(family));
        observe(name + " is interrupted", interrupted(family));
    }
    families();
    pieces();
    ends();
    modes();
    observe("each waits for the other", deadlock());
}

}  // namespace posix
