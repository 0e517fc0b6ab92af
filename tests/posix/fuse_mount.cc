// SPDX-License-Identifier: Apache-2.0
// fuse_mount [--locks] SOURCE PLACE COMMAND...: mounts SOURCE on PLACE by way of the file server and this
// kernel's own FUSE client (fuse(4)), runs COMMAND, and unmounts. The client is the one that guests have, but
// for the transport: what takes minutes in an emulated guest takes seconds here. Exits with COMMAND's status,
// or 77 where there is no FUSE. With --locks, locks are the host's.
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <string>
#include <thread>
#include <vector>

#include "base/fd.h"
#include "fs/passthrough/passthrough.h"
#include "fs/server.h"

namespace {

using namespace krun;

constexpr int kSkipped = 77;
constexpr size_t kThreads = 4;
constexpr useconds_t kWaitMicroseconds = 2000;  // before a lock is tried again

void serve(fs::Server& server, int device) {
    std::vector<std::byte> request(fs::kMaxDataBytes + 4096), reply(fs::kMaxDataBytes + 4096);
    while (true) {
        ssize_t const n = ::read(device, request.data(), request.size());
        if (n < 0 && (errno == EINTR || errno == ENOENT)) continue;  // ENOENT: the request was interrupted
        if (n < 0) return;                                           // ENODEV: unmounted
        iovec const from{request.data(), static_cast<size_t>(n)}, to{reply.data(), reply.size()};
        auto written = fs::Server::kLater;
        while ((written = server.serve({&from, 1}, {&to, 1})) == fs::Server::kLater)
            ::usleep(kWaitMicroseconds);
        if (written > 0 && ::write(device, reply.data(), written) < 0 && errno != ENOENT) ::perror("reply");
    }
}

int run(char** command, mode_t umask) {
    pid_t const child = ::fork();
    if (child == 0) {
        ::umask(umask);
        ::execvp(command[0], command);
        ::perror(command[0]);
        ::_exit(127);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

Result<std::unique_ptr<fs::Server>> server_of(char const* source, bool locks) {
    fs::NodeIds ids;
    fs::PassthroughOptions options;
    options.host_locks = locks;
    auto tree = TRY(open_path(source, O_PATH));
    auto proc = TRY(fs::open_proc_self_fd());
    return std::make_unique<fs::Server>(
        TRY(fs::Passthrough::make(std::move(tree), std::move(proc), options, ids)));
}

}  // namespace

int main(int argc, char** argv) {
    bool const locks = argc > 1 && std::string(argv[1]) == "--locks";
    if (locks) ++argv, --argc;
    if (argc < 4) {
        ::fputs("usage: fuse_mount [--locks] SOURCE PLACE COMMAND...\n", stderr);
        return 2;
    }
    int const device = ::open("/dev/fuse", O_RDWR | O_CLOEXEC);
    if (device < 0 || ::unshare(CLONE_NEWNS) != 0 ||
        ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) {
        ::puts("skipped: no /dev/fuse, or not root");
        return kSkipped;
    }
    mode_t const umask = ::umask(0);  // the server takes it away
    auto server = server_of(argv[1], locks);
    if (!server.ok()) {
        ::fprintf(stderr, "%s\n", server.error().message().c_str());
        return 2;
    }
    auto const options = "fd=" + std::to_string(device) +
                         ",rootmode=40000,user_id=0,group_id=0,default_permissions,allow_other";
    if (::mount("krun", argv[2], "fuse", 0, options.c_str()) != 0) {
        ::perror("mount");
        return kSkipped;
    }
    std::vector<std::jthread> threads;
    for (size_t i = 0; i < kThreads; ++i) threads.emplace_back([&] { serve(*server.value(), device); });
    int const status = run(argv + 3, umask);
    if (::umount2(argv[2], MNT_DETACH) != 0) ::perror("umount");
    return status;
}
