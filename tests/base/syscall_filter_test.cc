// SPDX-License-Identifier: Apache-2.0
#include "base/syscall_filter.h"

#include <gtest/gtest.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstring>

#include "tests/support/sanitized.h"

namespace krun {
namespace {

using When = SyscallRule::Test;

std::vector<sock_filter> program_of(std::vector<SyscallRule> rules) {
    auto const program = SyscallFilter::make("test", std::move(rules)).value();
    return {program.program().begin(), program.program().end()};
}

// What the kernel would do: the few instructions that the filters are made of.
uint32_t verdict(std::vector<sock_filter> const& program, seccomp_data const& call) {
    uint32_t a = 0;
    for (size_t at = 0; at < program.size(); ++at) {
        auto const& i = program[at];
        auto const branch = [&](bool yes) { at += yes ? i.jt : i.jf; };
        switch (i.code) {
            case BPF_LD | BPF_W | BPF_ABS:
                std::memcpy(&a, reinterpret_cast<char const*>(&call) + i.k, sizeof a);
                break;
            case BPF_JMP | BPF_JA:
                at += i.k;
                break;
            case BPF_JMP | BPF_JEQ | BPF_K:
                branch(a == i.k);
                break;
            case BPF_JMP | BPF_JGE | BPF_K:
                branch(a >= i.k);
                break;
            case BPF_JMP | BPF_JGT | BPF_K:
                branch(a > i.k);
                break;
            case BPF_JMP | BPF_JSET | BPF_K:
                branch((a & i.k) != 0);
                break;
            case BPF_RET | BPF_K:
                return i.k;
            default:
                ADD_FAILURE() << "an instruction that the test does not know: " << i.code;
                return 0;
        }
    }
    ADD_FAILURE() << "the program has no end";
    return 0;
}

bool allows(std::vector<sock_filter> const& program, int number, uint64_t arg0 = 0, uint64_t arg1 = 0) {
    seccomp_data call{};
    call.nr = number;
    call.arch = AUDIT_ARCH_X86_64;
    call.args[0] = arg0;
    call.args[1] = arg1;
    return verdict(program, call) == SECCOMP_RET_ALLOW;
}

constexpr uint32_t kOneAndThree[] = {1, 3};
constexpr uint32_t kFour[] = {4};

TEST(SyscallFilter, AllowsExactlyTheListedNumbers) {
    for (int const step : {1, 5, 7, 100, 500}) {
        std::vector<SyscallRule> rules;
        for (int n = 500; n > 0; n -= step) rules.push_back({n});
        auto const program = program_of(rules);
        for (int n = 0; n < 600; ++n)
            EXPECT_EQ(allows(program, n), n > 0 && n <= 500 && (500 - n) % step == 0) << n << " of " << step;
    }
}

TEST(SyscallFilter, TooManyRunsAreAnErrorAndNotAWrongJump) {
    std::vector<SyscallRule> rules;
    for (int n = 0; n < 120; ++n) rules.push_back({2 * n});
    auto const program = program_of(rules);
    for (int n = 0; n < 250; ++n) EXPECT_EQ(allows(program, n), n % 2 == 0 && n < 240) << n;
    rules.push_back({240});
    EXPECT_FALSE(SyscallFilter::make("test", rules).ok());
}

TEST(SyscallFilter, NoRulesAllowNothing) {
    EXPECT_FALSE(allows(program_of({}), SYS_read));
}

TEST(SyscallFilter, NumbersOfOtherArchitecturesAreRefused) {
    auto const program = program_of({{SYS_read}, {SYS_write}});
    constexpr int kX32 = 0x40000000;
    EXPECT_FALSE(allows(program, kX32 | SYS_read));
    seccomp_data call{};
    call.nr = SYS_read;
    call.arch = AUDIT_ARCH_I386;
    EXPECT_EQ(verdict(program, call), SECCOMP_RET_KILL_PROCESS);
}

TEST(SyscallFilter, ArgumentsAreComparedInTheirPlace) {
    auto const program = program_of({{10}, {11, When::kOneOf, 1, kOneAndThree}, {12}});
    EXPECT_TRUE(allows(program, 11, 9, 1));
    EXPECT_TRUE(allows(program, 11, 9, 3));
    EXPECT_FALSE(allows(program, 11, 1, 2));
    EXPECT_TRUE(allows(program, 10, 9, 9));
    EXPECT_TRUE(allows(program, 12, 9, 9));
}

TEST(SyscallFilter, ForbiddenBitsRefuseWhateverElseIsSet) {
    auto const program = program_of({{10, When::kNoBitsOf, 0, kFour}});
    EXPECT_TRUE(allows(program, 10, 3));
    EXPECT_FALSE(allows(program, 10, 4));
    EXPECT_FALSE(allows(program, 10, 7));
}

TEST(SyscallFilter, RulesForOneCallAddUp) {
    auto const program = program_of({{10, When::kOneOf, 0, kFour}, {10, When::kOneOf, 1, kOneAndThree}});
    EXPECT_TRUE(allows(program, 10, 4, 9));
    EXPECT_TRUE(allows(program, 10, 9, 3));
    EXPECT_FALSE(allows(program, 10, 9, 9));
    EXPECT_TRUE(allows(program_of({{10, When::kOneOf, 0, kFour}, {10}}), 10, 9));
}

TEST(SyscallFilter, OwnProcessIsThisOne) {
    auto const program = program_of({{SYS_tgkill, When::kOwnProcess, 0, {}}});
    EXPECT_TRUE(allows(program, SYS_tgkill, static_cast<uint64_t>(::getpid())));
    EXPECT_FALSE(allows(program, SYS_tgkill, 1));
}

// The child's wait status after `act` under a filter that allows `rules` and exit.
int status_of(std::vector<SyscallRule> rules, void (*act)()) {
    rules.push_back({SYS_exit_group});
    auto const filter = SyscallFilter::make("test", std::move(rules)).value();
    pid_t const pid = ::fork();
    if (pid == 0) {
        ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
        ::signal(SIGSYS, SIG_DFL);
        if (!filter.install().ok()) ::_exit(9);
        act();
        ::_exit(0);
    }
    int status = -1;
    ::waitpid(pid, &status, 0);
    return status;
}

class SyscallFilterInTheKernel : public ::testing::Test {
protected:
    void SetUp() override {
        if (test::kSanitized) GTEST_SKIP() << "skipped: a sanitizer makes system calls of its own";
    }
};

TEST_F(SyscallFilterInTheKernel, LetsAListedCallPass) {
    EXPECT_EQ(status_of({{SYS_getppid}}, [] { ::syscall(SYS_getppid); }), 0);
}

TEST_F(SyscallFilterInTheKernel, KillsTheProcessAtAnyOtherCall) {
    int const status = status_of({{SYS_getppid}}, [] { ::syscall(SYS_getuid); });
    ASSERT_TRUE(WIFSIGNALED(status)) << status;
    EXPECT_EQ(WTERMSIG(status), SIGSYS);
}

}  // namespace
}  // namespace krun
