// SPDX-License-Identifier: Apache-2.0
// What the compiled filters decide: each is run on made-up system calls by the small interpreter below, which
// knows the instructions that seccomp allows (linux Documentation/userspace-api/seccomp_filter.rst).
#include "config-gen/seccomp.h"

#include <errno.h>
#include <gtest/gtest.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/syscall.h>

#include <cstring>
#include <vector>

#include "base/base64.h"

namespace krun {
namespace {

uint32_t load(seccomp_data const& call, uint32_t offset) {
    uint32_t word = 0;
    std::memcpy(&word, reinterpret_cast<char const*>(&call) + offset, sizeof word);
    return word;
}

bool holds(sock_filter const& i, uint32_t a) {
    switch (BPF_OP(i.code)) {
        case BPF_JEQ:
            return a == i.k;
        case BPF_JGT:
            return a > i.k;
        case BPF_JGE:
            return a >= i.k;
        case BPF_JSET:
            return (a & i.k) != 0;
        default:
            return false;
    }
}

uint32_t decide(oci::Seccomp const& profile, seccomp_data const& call) {
    auto const bytes = *decode_base64(compile_seccomp(profile).value().bpf_base64);
    std::vector<sock_filter> program(bytes.size() / sizeof(sock_filter));
    std::memcpy(program.data(), bytes.data(), bytes.size());
    uint32_t a = 0;
    for (size_t pc = 0; pc < program.size(); ++pc) {
        auto const& i = program[pc];
        switch (BPF_CLASS(i.code)) {
            case BPF_LD:
                a = load(call, i.k);
                break;
            case BPF_ALU:
                a = a & i.k;
                break;
            case BPF_RET:
                return i.k;
            case BPF_JMP:
                pc += BPF_OP(i.code) == BPF_JA ? i.k : holds(i, a) ? i.jt : i.jf;
                break;
            default:
                ADD_FAILURE() << "unexpected instruction " << i.code;
                return 0;
        }
    }
    ADD_FAILURE() << "ran off the end";
    return 0;
}

seccomp_data call(int number, std::vector<uint64_t> const& args = {}, uint32_t arch = AUDIT_ARCH_X86_64) {
    seccomp_data out{};
    out.nr = number;
    out.arch = arch;
    for (size_t i = 0; i < args.size(); ++i) out.args[i] = args[i];
    return out;
}

oci::Seccomp deny_all_but(std::vector<oci::SeccompRule> rules) {
    oci::Seccomp out;
    out.default_action = "SCMP_ACT_ERRNO";
    out.architectures = {"SCMP_ARCH_X86_64"};
    out.syscalls = std::move(rules);
    return out;
}
oci::SeccompRule allow(std::vector<std::string> names, std::vector<oci::SeccompArg> args = {}) {
    return {std::move(names), "SCMP_ACT_ALLOW", {}, std::move(args)};
}
oci::SeccompArg arg(uint32_t index, std::string op, uint64_t value, uint64_t two = 0) {
    return {index, value, two, std::move(op)};
}
std::string refusal(oci::Seccomp const& profile) {
    auto const compiled = compile_seccomp(profile);
    return compiled.ok() ? "" : compiled.error().message();
}

constexpr uint32_t kDenied = SECCOMP_RET_ERRNO | EPERM;

TEST(CompiledSeccomp, ListedCallsPassOthersGetTheDefault) {
    auto const profile = deny_all_but({allow({"read", "write"})});
    EXPECT_EQ(decide(profile, call(SYS_read)), uint32_t{SECCOMP_RET_ALLOW});
    EXPECT_EQ(decide(profile, call(SYS_write)), uint32_t{SECCOMP_RET_ALLOW});
    EXPECT_EQ(decide(profile, call(SYS_getpid)), kDenied);
}

TEST(CompiledSeccomp, UnknownNamesAreLeftOut) {
    auto const profile = deny_all_but({allow({"no_such_call", "read"})});
    EXPECT_EQ(decide(profile, call(SYS_read)), uint32_t{SECCOMP_RET_ALLOW});
}

TEST(CompiledSeccomp, EveryActionIsTheKernels) {
    struct Case {
        std::string name;
        std::optional<uint32_t> data;
        uint32_t expected;
    };
    Case const cases[] = {
        {"SCMP_ACT_KILL", {}, SECCOMP_RET_KILL_THREAD},
        {"SCMP_ACT_KILL_THREAD", {}, SECCOMP_RET_KILL_THREAD},
        {"SCMP_ACT_KILL_PROCESS", {}, SECCOMP_RET_KILL_PROCESS},
        {"SCMP_ACT_TRAP", {}, SECCOMP_RET_TRAP},
        {"SCMP_ACT_ERRNO", {}, SECCOMP_RET_ERRNO | EPERM},
        {"SCMP_ACT_ERRNO", ENOSYS, SECCOMP_RET_ERRNO | ENOSYS},
        {"SCMP_ACT_TRACE", 7, SECCOMP_RET_TRACE | 7},
        {"SCMP_ACT_LOG", {}, SECCOMP_RET_LOG},
    };
    for (auto const& c : cases) {
        oci::Seccomp profile;
        profile.default_action = "SCMP_ACT_ALLOW";
        profile.syscalls = {{{"getpid"}, c.name, c.data, {}}};
        EXPECT_EQ(decide(profile, call(SYS_getpid)), c.expected) << c.name;
        EXPECT_EQ(decide(profile, call(SYS_read)), uint32_t{SECCOMP_RET_ALLOW}) << c.name;
    }
}

TEST(CompiledSeccomp, EveryOperatorComparesAllSixtyFourBits) {
    constexpr uint64_t kHigh = uint64_t{5} << 32;
    struct Case {
        std::string op;
        bool below;
        bool equal;
        bool above;
    };
    Case const cases[] = {
        {"SCMP_CMP_NE", true, false, true}, {"SCMP_CMP_LT", true, false, false},
        {"SCMP_CMP_LE", true, true, false}, {"SCMP_CMP_EQ", false, true, false},
        {"SCMP_CMP_GE", false, true, true}, {"SCMP_CMP_GT", false, false, true},
    };
    for (auto const& c : cases) {
        auto const profile = deny_all_but({allow({"personality"}, {arg(0, c.op, kHigh)})});
        auto const passes = [&](uint64_t value) {
            return decide(profile, call(SYS_personality, {value})) == SECCOMP_RET_ALLOW;
        };
        EXPECT_EQ(passes(kHigh - 1), c.below) << c.op;
        EXPECT_EQ(passes(kHigh), c.equal) << c.op;
        EXPECT_EQ(passes(kHigh + 1), c.above) << c.op;
    }
}

TEST(CompiledSeccomp, MaskedEqualComparesWhatTheMaskLeaves) {
    // As in the usual profile: clone() without namespace flags.
    auto const profile = deny_all_but({allow({"clone"}, {arg(0, "SCMP_CMP_MASKED_EQ", 0x7E020000, 0)})});
    EXPECT_EQ(decide(profile, call(SYS_clone, {0x11})), uint32_t{SECCOMP_RET_ALLOW});
    EXPECT_EQ(decide(profile, call(SYS_clone, {0x20000})), kDenied);
}

TEST(CompiledSeccomp, ComparisonsOfDifferentArgumentsMustAllHold) {
    auto const profile =
        deny_all_but({allow({"socket"}, {arg(0, "SCMP_CMP_EQ", 2), arg(1, "SCMP_CMP_EQ", 1)})});
    EXPECT_EQ(decide(profile, call(SYS_socket, {2, 1})), uint32_t{SECCOMP_RET_ALLOW});
    EXPECT_EQ(decide(profile, call(SYS_socket, {2, 3})), kDenied);
    EXPECT_EQ(decide(profile, call(SYS_socket, {1, 1})), kDenied);
}

TEST(CompiledSeccomp, ComparisonsOfOneArgumentAreAlternatives) {
    auto const profile =
        deny_all_but({allow({"socket"}, {arg(0, "SCMP_CMP_EQ", 1), arg(0, "SCMP_CMP_EQ", 2)})});
    EXPECT_EQ(decide(profile, call(SYS_socket, {1})), uint32_t{SECCOMP_RET_ALLOW});
    EXPECT_EQ(decide(profile, call(SYS_socket, {2})), uint32_t{SECCOMP_RET_ALLOW});
    EXPECT_EQ(decide(profile, call(SYS_socket, {40})), kDenied);
}

TEST(CompiledSeccomp, SubArchitecturesHaveTheirOwnNumbers) {
    auto profile = deny_all_but({allow({"read"})});
    constexpr int kReadOfX86 = 3;
    EXPECT_NE(decide(profile, call(kReadOfX86, {}, AUDIT_ARCH_I386)), uint32_t{SECCOMP_RET_ALLOW});
    profile.architectures = {"SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32", "SCMP_ARCH_AARCH64"};
    EXPECT_EQ(decide(profile, call(kReadOfX86, {}, AUDIT_ARCH_I386)), uint32_t{SECCOMP_RET_ALLOW});
    EXPECT_EQ(decide(profile, call(SYS_read)), uint32_t{SECCOMP_RET_ALLOW});
}

TEST(CompiledSeccomp, FlagsAreTheKernels) {
    auto profile = deny_all_but({});
    profile.flags = {"SECCOMP_FILTER_FLAG_LOG", "SECCOMP_FILTER_FLAG_SPEC_ALLOW"};
    EXPECT_EQ(compile_seccomp(profile).value().flags,
              uint32_t{SECCOMP_FILTER_FLAG_LOG | SECCOMP_FILTER_FLAG_SPEC_ALLOW});
}

TEST(CompiledSeccomp, RefusalsNameTheMember) {
    auto const rule = [](std::string action, std::vector<oci::SeccompArg> args) {
        return deny_all_but({{{"read"}, std::move(action), {}, std::move(args)}});
    };
    EXPECT_EQ(refusal(rule("SCMP_ACT_NOTIFY", {})), "syscalls[0].action: SCMP_ACT_NOTIFY is not supported");
    EXPECT_EQ(refusal(rule("allow", {})), "syscalls[0].action: unknown value \"allow\"");
    EXPECT_EQ(refusal(rule("SCMP_ACT_ALLOW", {arg(0, "==", 1)})),
              "syscalls[0].args[0].op: unknown value \"==\"");
    EXPECT_EQ(refusal(rule("SCMP_ACT_ALLOW", {arg(6, "SCMP_CMP_EQ", 1)})),
              "syscalls[0].args[0].index: a system call has at most 6 arguments");
    auto profile = deny_all_but({});
    profile.flags = {"FAST"};
    EXPECT_EQ(refusal(profile), "flags: unknown value \"FAST\"");
}

}  // namespace
}  // namespace krun
