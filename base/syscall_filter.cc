// SPDX-License-Identifier: Apache-2.0
#include "base/syscall_filter.h"

#include <linux/audit.h>
#include <linux/seccomp.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstddef>
#include <cstring>

namespace krun {
namespace {

using Test = SyscallRule::Test;
using Program = std::vector<sock_filter>;

// The handler of SIGSYS reads it, so it is plain data.
constinit thread_local std::array<char, 16> current_thread{};

// TRAP, not KILL_PROCESS: the handler says what was tried and then ends the process. It cannot be replaced
// afterwards, because rt_sigaction is not allowed, and while it runs SIGSYS is blocked, so that a second
// attempt kills.
constexpr uint32_t kRefuse = SECCOMP_RET_TRAP;

sock_filter load(size_t offset) {
    return BPF_STMT(BPF_LD | BPF_W | BPF_ABS, static_cast<uint32_t>(offset));
}
// `yes` and `no`: how many instructions to skip.
sock_filter jump(uint16_t test, uint32_t value, uint8_t yes, uint8_t no) {
    return BPF_JUMP(static_cast<uint16_t>(BPF_JMP | test | BPF_K), value, yes, no);
}
sock_filter skip(size_t instructions) {
    return BPF_STMT(BPF_JMP | BPF_JA, static_cast<uint32_t>(instructions));
}
sock_filter give(uint32_t action) {
    return BPF_STMT(BPF_RET | BPF_K, action);
}

void append(Program& to, Program const& more) {
    to.insert(to.end(), more.begin(), more.end());
}

// The low half; x86-64 is little-endian.
size_t offset_of_argument(uint8_t argument) {
    return offsetof(seccomp_data, args) + sizeof(uint64_t) * argument;
}

void allow_value(Program& out, uint32_t value) {
    append(out, {jump(BPF_JEQ, value, 0, 1), give(SECCOMP_RET_ALLOW)});
}

// Falls through if the rule does not allow the call.
void test_argument(Program& out, SyscallRule const& rule) {
    if (rule.test == Test::kNone) return out.push_back(give(SECCOMP_RET_ALLOW));
    out.push_back(load(offset_of_argument(rule.argument)));
    if (rule.test == Test::kOwnProcess) return allow_value(out, static_cast<uint32_t>(::getpid()));
    if (rule.test == Test::kOneOf) {
        for (uint32_t const value : rule.values) allow_value(out, value);
        return;
    }
    uint32_t bits = 0;
    for (uint32_t const value : rule.values) bits |= value;
    append(out, {jump(BPF_JSET, bits, 1, 0), give(SECCOMP_RET_ALLOW)});
}

// Ends the program, for a call that has conditions.
Program conditional(std::span<SyscallRule const> rules) {
    Program out;
    for (auto const& rule : rules) test_argument(out, rule);
    out.push_back(give(kRefuse));
    return out;
}

// Calls first … last are allowed with any arguments.
struct Run {
    uint32_t first;
    uint32_t last;
};

// Appends a search for the number in the accumulator, which is not below runs[0]; two instructions a run but
// for the first. At `end` of `out` are the two verdicts. One comparison a step: the
// kernel's work at every install grows with the program, by a microsecond an instruction, and it remembers a
// verdict only of comparisons of the number.
void search(Program& out, std::span<Run const> runs, size_t end) {
    if (runs.size() == 1) {
        auto const refuse = static_cast<uint8_t>(end - out.size() - 1);
        return out.push_back(jump(BPF_JGT, runs.front().last, refuse, static_cast<uint8_t>(refuse + 1)));
    }
    size_t const half = runs.size() / 2;
    out.push_back(jump(BPF_JGE, runs[half].first, static_cast<uint8_t>(2 * half - 1), 0));
    search(out, runs.first(half), end);
    search(out, runs.subspan(half), end);
}

constexpr size_t kMaxRuns = 120;  // a jump skips 255 instructions at the most

Program look_up(std::span<Run const> runs) {
    if (runs.empty()) return {give(kRefuse)};
    size_t const end = 2 * runs.size();
    Program out{jump(BPF_JGE, runs.front().first, 0, static_cast<uint8_t>(end - 1))};
    search(out, runs, end);
    append(out, {give(kRefuse), give(SECCOMP_RET_ALLOW)});
    return out;
}

bool is_free(std::span<SyscallRule const> same_number) {
    return std::any_of(same_number.begin(), same_number.end(),
                       [](auto const& rule) { return rule.test == Test::kNone; });
}

void add(std::vector<Run>& runs, uint32_t number) {
    if (runs.empty() || runs.back().last + 1 != number) runs.push_back({number, number});
    runs.back().last = number;
}

// `rules` are sorted by number.
Result<Program> compile(std::span<SyscallRule const> rules) {
    // Another architecture's numbers mean other calls. x32's are the same with bit 30 set: beyond every run.
    Program out{load(offsetof(seccomp_data, arch)), jump(BPF_JEQ, AUDIT_ARCH_X86_64, 1, 0),
                give(SECCOMP_RET_KILL_PROCESS), load(offsetof(seccomp_data, nr))};
    std::vector<Run> runs;
    while (!rules.empty()) {
        size_t count = 1;
        while (count < rules.size() && rules[count].number == rules[0].number) ++count;
        auto const same = rules.first(count);
        rules = rules.subspan(count);
        auto const number = static_cast<uint32_t>(same[0].number);
        if (is_free(same)) {
            add(runs, number);
            continue;
        }
        auto const block = conditional(same);
        append(out, {jump(BPF_JEQ, number, 1, 0), skip(block.size())});
        append(out, block);
    }
    if (runs.size() > kMaxRuns) return fail(Error(Errc::kInternal, "too many system calls for one filter"));
    append(out, look_up(runs));
    return out;
}

}  // namespace

Result<SyscallFilter> SyscallFilter::make(std::string const& thread, std::vector<SyscallRule> rules) {
    uint32_t const wanted = kRefuse;
    if (::syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &wanted) < 0)
        return fail(Error::sys("this kernel has no seccomp filters"));
    std::stable_sort(rules.begin(), rules.end(),
                     [](auto const& a, auto const& b) { return a.number < b.number; });
    auto program = TRY(compile(rules));
    return SyscallFilter(thread.substr(0, sizeof current_thread - 1), std::move(program));
}

Result<void> SyscallFilter::install() const {
    current_thread.fill(0);
    std::memcpy(current_thread.data(), thread_.data(), thread_.size());
    // Blocked, it would kill without a word.
    sigset_t refusal;
    ::sigemptyset(&refusal);
    ::sigaddset(&refusal, SIGSYS);
    ::pthread_sigmask(SIG_UNBLOCK, &refusal, nullptr);
    sock_fprog const program{static_cast<unsigned short>(program_.size()),
                             const_cast<sock_filter*>(program_.data())};  // the kernel only reads it
    if (::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) < 0)
        return fail(Error::sys("install a system call filter"));
    return {};
}

char const* SyscallFilter::thread_name() {
    return current_thread.data();
}

}  // namespace krun
