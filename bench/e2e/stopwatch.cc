// SPDX-License-Identifier: Apache-2.0
// stopwatch [-i] ROOT COMMAND [ARGUMENT...]: runs the command in a chroot, its streams at /dev/null, and
// prints the nanoseconds from before its start to its reaped end, and its exit status. With -i the command
// echoes its input, which is a pipe, and the time begins when that ends. Static and small, so that what is
// measured is the command.
#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>

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

// The command's input and output, when it echoes. Close-on-exec but for what is put in their place.
struct Echo {
    int input[2] = {-1, -1};
    int output[2] = {-1, -1};

    void open(posix_spawn_file_actions_t& actions) {
        if (::pipe2(input, O_CLOEXEC) < 0 || ::pipe2(output, O_CLOEXEC) < 0) die("pipe");
        ::posix_spawn_file_actions_adddup2(&actions, input[0], 0);
        ::posix_spawn_file_actions_adddup2(&actions, output[1], 1);
    }
    // Returns when the command has come as far as to echo, and its input has just ended.
    void end_input() const {
        char byte = 'x';
        ::close(input[0]);
        ::close(output[1]);
        if (::write(input[1], &byte, 1) != 1 || ::read(output[0], &byte, 1) != 1) die("echo");
        ::close(input[1]);
    }
};

}  // namespace

int main(int argc, char** argv) {
    bool const until_input_ends = argc > 1 && std::strcmp(argv[1], "-i") == 0;
    char** const words = argv + (until_input_ends ? 2 : 1);
    if (argc < (until_input_ends ? 4 : 3)) {
        std::fputs("usage: stopwatch [-i] ROOT COMMAND [ARGUMENT...]\n", stderr);
        return 125;
    }
    if (::chroot(words[0]) < 0 || ::chdir("/") < 0) die(words[0]);
    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    Echo echo;
    if (until_input_ends) {
        echo.open(actions);
    } else {
        ::posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
        ::posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
    }
    if (::getenv("STOPWATCH_STDERR") == nullptr)
        ::posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);

    int64_t begin = now_ns();
    pid_t child = 0;
    if (::posix_spawn(&child, words[1], &actions, nullptr, words + 1, environ) != 0) die(words[1]);
    if (until_input_ends) {
        echo.end_input();
        begin = now_ns();
    }
    int status = 0;
    if (::waitpid(child, &status, 0) != child) die("waitpid");
    int64_t const ns = now_ns() - begin;
    std::printf("%lld %d\n", static_cast<long long>(ns),
                WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
    return 0;
}
