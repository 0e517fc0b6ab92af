// SPDX-License-Identifier: Apache-2.0
// Each test confines a child, which then does what it may not do.
#include "runtime/isolation/vm_seccomp.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "base/fd.h"
#include "base/log.h"
#include "base/signal_mask.h"
#include "runtime/state/end_reason.h"
#include "tests/support/sanitized.h"
#include "tests/support/temp_dir.h"
#include "vmm/thread.h"
#include "vmm/thread_syscalls.h"

namespace krun::runtime {
namespace {

using ::testing::HasSubstr;

// How a child ended that was set up as a container process is, and then did `act`.
struct Ended {
    int status = -1;
    std::string reason;
    std::string log;
};

Ended run_confined(LogFormat format, void (*act)(), bool confine_main = true) {
    test::TempDir const dir;
    auto const state = open_path(dir.path(), O_RDONLY | O_DIRECTORY).value();
    pid_t const pid = ::fork();
    if (pid == 0) {
        open_log(open_path(dir / "log", O_WRONLY | O_CREAT | O_APPEND, 0600).value(), format);
        ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
        use_one_heap();
        if (!end_at_forbidden_calls(state.borrow()).ok()) ::_exit(9);
        if (confine_main && !confine_main_thread(/*connects=*/false).ok()) ::_exit(9);
        act();
        ::_exit(7);
    }
    Ended ended;
    ::waitpid(pid, &ended.status, 0);
    ended.reason = read_end_reason(state.borrow());
    ended.log = read_file(dir / "log", 4096).value();
    return ended;
}

bool is_refused(void (*act)()) {
    auto const ended = run_confined(LogFormat::kText, act);
    return WIFEXITED(ended.status) && WEXITSTATUS(ended.status) == 255 && !ended.reason.empty();
}

class VmSeccomp : public ::testing::Test {
protected:
    void SetUp() override {
        if (test::kSanitized) GTEST_SKIP() << "skipped: a sanitizer makes system calls of its own";
    }
};

TEST_F(VmSeccomp, ForbiddenCallEndsTheProcessWith255AndAReason) {
    auto const ended = run_confined(LogFormat::kJson, [] { ::syscall(SYS_getuid); });
    ASSERT_TRUE(WIFEXITED(ended.status)) << ended.status;
    EXPECT_EQ(WEXITSTATUS(ended.status), 255);
    std::string const reason =
        "the container process's thread main made system call 102, which its seccomp filter forbids";
    EXPECT_EQ(ended.reason, reason);
    EXPECT_THAT(ended.log, HasSubstr("{\"level\":\"error\",\"msg\":\"" + reason + "\",\"time\":\"20"));
    EXPECT_EQ(ended.log.back(), '\n');
}

TEST_F(VmSeccomp, TextLogHasOneLineAboutIt) {
    auto const ended = run_confined(LogFormat::kText, [] { ::syscall(SYS_getuid); });
    EXPECT_THAT(ended.log, HasSubstr("Z error: " + ended.reason + "\n"));
}

TEST_F(VmSeccomp, ForbiddenCallOfADeviceThreadEndsTheProcessAndNamesIt) {
    auto const ended = run_confined(
        LogFormat::kText,
        [] {
            auto const filter =
                std::make_shared<SyscallFilter const>(vmm::thread_filter("dev-test", {}).value());
            auto thread = vmm::Thread::start(
                "dev-test", [] { ::syscall(SYS_getuid); }, filter);
            thread.value().join();
        },
        false);
    ASSERT_TRUE(WIFEXITED(ended.status)) << ended.status;
    EXPECT_EQ(WEXITSTATUS(ended.status), 255);
    EXPECT_THAT(ended.reason, HasSubstr("thread dev-test made system call 102"));
}

TEST_F(VmSeccomp, ConfinedThreadWorksAndEnds) {
    auto const ended = run_confined(
        LogFormat::kText,
        [] {
            auto const filter =
                std::make_shared<SyscallFilter const>(vmm::thread_filter("dev-test", {}).value());
            auto thread = vmm::Thread::start(
                "dev-test",
                [] {
                    std::string const mapped(size_t{64} << 20, 'x');
                    // Below what malloc maps; freed together, they are more than it keeps.
                    std::vector<std::string> heap(16, std::string(size_t{100} << 10, 'x'));
                },
                filter);
            thread.value().join();
        },
        false);
    EXPECT_TRUE(WIFEXITED(ended.status) && WEXITSTATUS(ended.status) == 7) << ended.status << ended.reason;
}

TEST_F(VmSeccomp, NoProgramSocketOrExecutableMemoryCanBeMade) {
    EXPECT_TRUE(is_refused([] { ::execl("/bin/true", "true", nullptr); }));
    EXPECT_TRUE(is_refused([] { ::syscall(SYS_fork); }));
    EXPECT_TRUE(is_refused([] { ::syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0); }));
    EXPECT_TRUE(is_refused([] { ::syscall(SYS_clone3, nullptr, 0); }));
    EXPECT_TRUE(is_refused([] { ::syscall(SYS_socket, AF_INET, SOCK_STREAM, 0); }));
    EXPECT_TRUE(is_refused([] {
        ::syscall(SYS_mmap, nullptr, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    }));
    EXPECT_TRUE(is_refused([] { ::syscall(SYS_kill, 1, 0); }));
    EXPECT_TRUE(is_refused([] { ::syscall(SYS_tgkill, 1, 1, 0); }));
    EXPECT_TRUE(is_refused([] { ::syscall(SYS_ptrace, 0, 0, 0, 0); }));
    EXPECT_TRUE(is_refused([] { ::syscall(SYS_rt_sigaction, SIGSYS, nullptr, nullptr, 8); }));
}

TEST_F(VmSeccomp, SentSigsysIsNoForbiddenCallAndReachesTheSignalfd) {
    static constinit int signals = -1;
    signals = receive_all_signals().value().release();
    auto const ended = run_confined(LogFormat::kText, [] {
        ::tgkill(::getpid(), ::getpid(), SIGSYS);
        signalfd_siginfo info{};
        bool const arrived = ::read(signals, &info, sizeof info) == sizeof info && info.ssi_signo == SIGSYS;
        ::_exit(arrived ? 0 : 1);
    });
    ::close(signals);
    EXPECT_TRUE(WIFEXITED(ended.status) && WEXITSTATUS(ended.status) == 0) << ended.status << ended.reason;
    EXPECT_EQ(ended.reason, "");
}

}  // namespace
}  // namespace krun::runtime
