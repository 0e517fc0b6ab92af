// SPDX-License-Identifier: Apache-2.0
#include "runtime/exec/raw_terminal.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <functional>

#include "runtime/exec/console_socket.h"
#include "runtime/exec/relayed_signals.h"

namespace krun::runtime {
namespace {

struct Crash {
    int signal;
    void (*happens)();
};
constexpr Crash kCrashes[] = {
    {SIGSEGV, [] { asm volatile("movl $0, 0"); }},
    {SIGILL, [] { asm volatile("ud2"); }},
    {SIGTRAP, [] { asm volatile("int3"); }},
    {SIGABRT, [] { std::abort(); }},
    {SIGBUS, [] { ::raise(SIGBUS); }},
    {SIGFPE, [] { ::raise(SIGFPE); }},
    {SIGSYS, [] { ::raise(SIGSYS); }},
};

// A terminal that edits and echoes, as a shell's caller has it.
class RawTerminalTest : public ::testing::Test {
protected:
    void SetUp() override {
        auto settings = settings_now();
        settings.c_lflag |= ICANON | ECHO | ISIG;
        ASSERT_EQ(::tcsetattr(terminal_.slave.borrow().raw(), TCSANOW, &settings), 0);
    }
    termios settings_now() const {
        termios settings{};
        EXPECT_EQ(::tcgetattr(terminal_.slave.borrow().raw(), &settings), 0);
        return settings;
    }
    bool is_raw() const { return (settings_now().c_lflag & (ICANON | ECHO | ISIG)) == 0; }
    // The wait status of a process that has the terminal as its standard input and signals blocked, as
    // commands in the foreground have.
    int status_of(std::function<void(RelayedSignals const&)> const& command) const {
        pid_t const pid = ::fork();
        if (pid == 0) {
            rlimit const none{0, 0};
            ::setrlimit(RLIMIT_CORE, &none);
            ::dup2(terminal_.slave.borrow().raw(), 0);
            command(RelayedSignals::block().value());
            ::_exit(0);
        }
        int status = 0;
        EXPECT_EQ(::waitpid(pid, &status, 0), pid);
        return status;
    }

    Terminal terminal_ = open_terminal({}).value();
};

TEST_F(RawTerminalTest, LastsAsLongAsTheObject) {
    status_of([&](auto const&) {
        RawTerminal const raw;
        ::_exit(0);
    });
    EXPECT_TRUE(is_raw());
    SetUp();
    status_of([&](auto const&) { RawTerminal const raw; });
    EXPECT_FALSE(is_raw());
}

TEST_F(RawTerminalTest, CrashRestoresTheTerminalAndIsStillACrash) {
    for (auto const& crash : kCrashes) {
        SetUp();
        int const status = status_of([&](auto const&) {
            RawTerminal const raw;
            if (!is_raw()) ::_exit(1);
            crash.happens();
        });
        ASSERT_TRUE(WIFSIGNALED(status)) << crash.signal;
        EXPECT_EQ(WTERMSIG(status), crash.signal);
        EXPECT_FALSE(is_raw()) << crash.signal;
    }
}

TEST_F(RawTerminalTest, SignalThatSomebodySendsIsStillPassedOn) {
    for (auto const& crash : kCrashes) {
        int const status = status_of([&](RelayedSignals const& signals) {
            RawTerminal const raw;
            pid_t const target = ::getpid();
            pid_t const sender = ::fork();
            if (sender == 0) ::_exit(::kill(target, crash.signal));
            ::waitpid(sender, nullptr, 0);
            ::_exit(is_raw() && signals.next() == crash.signal ? 0 : 1);
        });
        EXPECT_EQ(status, 0) << crash.signal;
    }
}

TEST_F(RawTerminalTest, AfterItACrashIsOnlyACrash) {
    int const status = status_of([&](auto const&) {
        struct sigaction before {
        }, after{};  // a sanitizer has one of its own
        ::sigaction(SIGSEGV, nullptr, &before);
        { RawTerminal const raw; }
        ::sigaction(SIGSEGV, nullptr, &after);
        sigset_t mask;
        ::sigprocmask(SIG_SETMASK, nullptr, &mask);
        ::_exit(after.sa_sigaction == before.sa_sigaction && ::sigismember(&mask, SIGSEGV) == 1 ? 0 : 1);
    });
    EXPECT_EQ(status, 0);
}

}  // namespace
}  // namespace krun::runtime
