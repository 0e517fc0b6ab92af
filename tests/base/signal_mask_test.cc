// SPDX-License-Identifier: Apache-2.0
#include "base/signal_mask.h"

#include <gtest/gtest.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "tests/support/sanitized.h"

namespace krun {
namespace {

constexpr int kDone = 200;  // a status that no signal makes

// In a child, whose mask and fate are its own.
template <class Body>
int status_of(Body body) {
    pid_t const child = ::fork();
    if (child == 0) ::_exit(body());
    int status = 0;
    ::waitpid(child, &status, 0);
    return status;
}

TEST(SignalMask, EverySignalSentToTheProcessIsReceived) {
    if (test::kThreadSanitized) GTEST_SKIP() << "skipped: the sanitizer's own thread leaves all open";
    int const status = status_of([] {
        block_all_signals();
        auto const signals = receive_all_signals();
        if (!signals.ok()) return 255;
        for (int signo = 1; signo <= 64; ++signo) {
            if (signo == SIGKILL || signo == SIGSTOP) continue;
            ::syscall(SYS_kill, ::getpid(), signo);
            signalfd_siginfo info{};
            ssize_t const n = ::read(signals.value().borrow().raw(), &info, sizeof info);
            if (n != sizeof info || info.ssi_signo != static_cast<uint32_t>(signo)) return signo;
        }
        return kDone;
    });
    ASSERT_TRUE(WIFEXITED(status)) << "died of signal " << WTERMSIG(status);
    EXPECT_EQ(WEXITSTATUS(status), kDone) << "signal lost";
}

TEST(SignalMask, FaultAndAbortStillEndTheProcess) {
    int const fault = status_of([] {
        ::signal(SIGSEGV, SIG_DFL);  // a sanitizer's handler exits instead
        block_all_signals();
        *reinterpret_cast<int volatile*>(uintptr_t{64}) = 1;  // not null, which a sanitizer sees coming
        return kDone;
    });
    EXPECT_TRUE(WIFSIGNALED(fault) && WTERMSIG(fault) == SIGSEGV);
    int const aborted = status_of([] {
        ::signal(SIGABRT, SIG_DFL);
        block_all_signals();
        std::abort();
        return kDone;
    });
    EXPECT_TRUE(WIFSIGNALED(aborted) && WTERMSIG(aborted) == SIGABRT);
}

}  // namespace
}  // namespace krun
