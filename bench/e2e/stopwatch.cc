// SPDX-License-Identifier: Apache-2.0
// stopwatch ROOT COMMAND [ARGUMENT...]: runs the command in a chroot, its streams at /dev/null, and prints
// the nanoseconds from before its start to its reaped end, and its exit status. Static and small, so that
// what is measured is the command.
#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>

namespace {

int64_t now_ns() {
    timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC, &now);
    return int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

[[noreturn]] void die(char const* what) {
    std::perror(what);
    std::exit(125);
}

}  // namespace

int main(int argc, char** argv) {
    if (argc < 3) {
        std::fputs("usage: stopwatch ROOT COMMAND [ARGUMENT...]\n", stderr);
        return 125;
    }
    if (::chroot(argv[1]) < 0 || ::chdir("/") < 0) die(argv[1]);
    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    ::posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
    if (::getenv("STOPWATCH_STDERR") == nullptr)
        ::posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);

    int64_t const begin = now_ns();
    pid_t child = 0;
    if (::posix_spawn(&child, argv[2], &actions, nullptr, argv + 2, environ) != 0) die(argv[2]);
    int status = 0;
    if (::waitpid(child, &status, 0) != child) die("waitpid");
    int64_t const ns = now_ns() - begin;
    std::printf("%lld %d\n", static_cast<long long>(ns),
                WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
    return 0;
}
